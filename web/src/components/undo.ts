//! Ways back: a change offers its undo token in a toast for a while, and the last twenty answer to Ctrl+Z.

import type { Client } from "urql";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { showToast } from "@/ui/toast";
import { problemText } from "./states";

const Undo = graphql(`mutation Undo($input: UndoInput!) { undo(input: $input) { changedCount undoToken conflicts { __typename } job { id status } } }`);

interface Step {
  readonly tokens: readonly string[];
  readonly client: Client;
  readonly onUndone: (() => void) | undefined;
}

const keptAtMost = 20;
let steps: readonly Step[] = [];

/** Says what was done and offers to take it back. */
export function offerUndo(client: Client, text: string, tokens: readonly (string | null | undefined)[], onUndone?: () => void): void {
  const known = tokens.filter((token) => token != null);
  if (known.length === 0) return showToast({ text });
  const step: Step = { tokens: known, client, onUndone };
  steps = [...steps, step].slice(-keptAtMost);
  showToast({ text, action: { label: t("edit.undo"), run: () => void takeBack(step) } });
}

/** Takes the last change back; false when there is none. */
export function undoLast(): boolean {
  const step = steps.at(-1);
  if (step) void takeBack(step);
  return step !== undefined;
}

/** Takes back one change by its token, as the history offers it. */
export async function takeBackEdit(client: Client, token: string, onUndone: () => void): Promise<void> {
  const step: Step = { tokens: [token], client, onUndone };
  steps = [...steps, step];
  await takeBack(step);
}

async function takeBack(step: Step): Promise<void> {
  if (!steps.includes(step)) return;
  steps = steps.filter((known) => known !== step);
  for (const token of step.tokens.toReversed()) {
    const { data, error } = await step.client.mutation(Undo, { input: { token } }).toPromise();
    if (error) return showToast({ text: t("edit.notUndone", { reason: problemText(error) }), tone: "bad" });
    const n = data?.undo.conflicts.length ?? 0;
    if (n > 0) showToast({ text: t("edit.conflicts", { count: n }), tone: "bad" });
  }
  showToast({ text: t("edit.undone") });
  step.onUndone?.();
}

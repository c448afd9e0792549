//! What tiles and rows do when they are clicked or a key is pressed on them: select, extend, favor, rate.

import { type KeyboardEvent, type RefObject, useLayoutEffect, useMemo, useRef } from "react";
import { useClient } from "urql";
import { useEditMedia } from "@/components/media-edit";
import { listIds, type ListArguments } from "@/components/media-lists";
import type { TileActions } from "@/components/media-tile";
import { addSelected, clearSelection, currentSelection, isSelecting, selectEverything, toggleSelected } from "@/components/selection";
import { useCanEdit } from "@/data/session";
import { actionFor } from "@/lib/keys";
import { t } from "@/lib/messages";
import type { GridLayout } from "@/ui/grid/layout";
import type { GridHandle } from "@/ui/grid/virtual-grid";
import { showToast } from "@/ui/toast";

/** A larger range asks first. */
const askFrom = 1000;
/** The most that is selected one by one; beyond that a filter says it better. */
const rangeLimit = 20_000;

interface ListFacts {
  readonly list: ListArguments;
  /** The id of a place, if it is loaded. */
  readonly idAt: (index: number) => string | null;
  /** A place at or before another whose cursor is known. */
  readonly nearest: (index: number) => { readonly index: number; readonly cursor: string | null };
  readonly count: number;
  readonly grid: RefObject<GridHandle | null>;
}

export interface ListActions {
  readonly tile: TileActions;
  readonly onKey: (event: KeyboardEvent, index: number, layout: GridLayout) => void;
  readonly canEdit: boolean;
}

export function useListActions(facts: ListFacts): ListActions {
  const client = useClient();
  const canEdit = useCanEdit();
  const edit = useEditMedia();
  const latest = useRef(facts);
  // Handlers are made once, so that tiles stay; they see the facts of the last render.
  useLayoutEffect(() => {
    latest.current = facts;
  });

  const actions = useMemo(() => {
    const idAt = (index: number) => latest.current.idAt(index);

    /** Adds everything between two places; ids that were never loaded are asked for. */
    const addRange = async (from: number, to: number) => {
      const first = Math.min(from, to);
      const count = Math.abs(to - from) + 1;
      const known = Array.from({ length: Math.min(count, askFrom) }, (_, offset) => idAt(first + offset));
      const here = known.flatMap((id) => id ?? []);
      if (count <= askFrom && here.length === count) return addSelected(here);
      if (count > rangeLimit) return showToast({ text: t("select.tooMany", { count: rangeLimit }), tone: "bad" });
      if (count > askFrom && !window.confirm(t("select.confirmRange", { count }))) return;
      try {
        const start = latest.current.nearest(first);
        const ids = await listIds(client, latest.current.list, start.cursor, first + count - start.index);
        addSelected(ids.slice(first - start.index));
      } catch {
        showToast({ text: t("select.rangeFailed"), tone: "bad" });
      }
    };
    const extend = (index: number) => void addRange(currentSelection().anchor ?? index, index);
    const toggle = (id: string, index: number) => toggleSelected(id, index);
    const favorite = (id: string, isFavorite: boolean) => void edit(id, { isFavorite });
    return { addRange, tile: { toggle, extend, favorite } };
  }, [client, edit]);

  const onKey = (event: KeyboardEvent, index: number, layout: GridLayout) => {
    const action = actionFor("grid", event);
    if (action === null) return;
    const id = facts.idAt(index);
    const steps = { extendRight: 1, extendLeft: -1, extendDown: layout.columns, extendUp: -layout.columns };
    if (action === "clear") {
      if (!isSelecting(currentSelection())) return;
      clearSelection();
    } else if (action === "selectAll") {
      selectEverything();
    } else if (id === null) {
      return;
    } else if (action === "select") {
      actions.tile.toggle(id, index);
    } else if (action === "extendRight" || action === "extendLeft" || action === "extendDown" || action === "extendUp") {
      const next = Math.min(facts.count - 1, Math.max(0, index + steps[action]));
      if (currentSelection().anchor === null) actions.tile.toggle(id, index);
      actions.tile.extend(next);
      facts.grid.current?.focus(next);
    } else if (!canEdit) {
      return;
    } else if (action === "favorite") {
      actions.tile.favorite(id, !isPressed(event));
    } else {
      void edit(id, { rating: Number(action.slice(-1)) * 20 });
    }
    event.preventDefault();
  };
  return { tile: actions.tile, onKey, canEdit };
}

/** Whether the focused tile's heart is on, as the page shows it. */
function isPressed(event: KeyboardEvent): boolean {
  const cell = event.target instanceof Element ? event.target.closest("[data-index]") : null;
  return cell?.querySelector('[aria-pressed="true"]') !== null;
}

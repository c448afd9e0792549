//! Words for a file that does not play.

import { t } from "@/lib/messages";

/** What is to blame. */
export type PlayFailure = "unsupported" | "network" | "decode" | "expired";

/** A sentence that names the file and what is wrong with it. */
export function failureText(failure: PlayFailure, what: string): string {
  return t(`media.play.${failure}`, { what });
}

//! Why signing in, or what an account signs in by, did not work, in words.

import { AuthError } from "@/data/session";
import { type MessageKey, t } from "@/lib/messages";

/** The words for what was thrown; null where the reader changed their mind, which is no error. */
export function authProblem(cause: unknown): string | null {
  if (cause instanceof AuthError) return cause.message;
  if (!(cause instanceof DOMException)) return t("error.network");
  // The browser says no more of somebody who closed its dialog.
  if (cause.name === "NotAllowedError" || cause.name === "AbortError") return null;
  if (cause.name === "InvalidStateError") return t("passkeys.failed.InvalidStateError");
  return t("passkeys.failed.other", { reason: cause.message });
}

const providerProblems: Readonly<Record<string, MessageKey>> = {
  PROVIDER_REFUSED: "login.problem.PROVIDER_REFUSED",
  PROVIDER_FAILED: "login.problem.PROVIDER_FAILED",
  PROVIDER_ACCOUNT_UNKNOWN: "login.problem.PROVIDER_ACCOUNT_UNKNOWN",
};

/** What a sign-in at the provider came to, by the code in the address that it came back to: known codes alone, as anybody can write an address. */
export function providerProblem(query: string, own: typeof providerProblems = {}): string | null {
  const code = new URLSearchParams(query).get("problem");
  if (code === null) return null;
  const known = { ...providerProblems, ...own };
  return t((Object.hasOwn(known, code) ? known[code] : undefined) ?? "login.problem.other");
}

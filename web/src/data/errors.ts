//! What went wrong, in one shape: code, words, and the field that is to blame.

import type { CombinedError } from "urql";
import { sentence } from "@/lib/messages";

/** An error as pages show it. */
export interface Problem {
  readonly kind: "network" | "unauthenticated" | "denied" | "missing" | "other";
  readonly code: string | null;
  readonly message: string | null;
  readonly fields: readonly { readonly path: string; readonly message: string }[];
}

/** The first GraphQL error of an answer, or the network's. */
export function problemOf(error: CombinedError): Problem {
  const first = error.graphQLErrors[0];
  if (first === undefined) {
    const status: unknown = error.response?.status;
    if (status === 401) return { kind: "unauthenticated", code: "HTTP_401", message: null, fields: [] };
    return { kind: "network", code: typeof status === "number" ? `HTTP_${status}` : null, message: null, fields: [] };
  }
  const code = typeof first.extensions.code === "string" ? first.extensions.code : null;
  return { kind: kindOf(code), code, message: sentence(first.message), fields: fieldsOf(first.extensions.fields) };
}

/** Sorts a code into what the page should do about it. Plugins prefix their codes, so the end of the code counts. */
export function kindOf(code: string | null): Problem["kind"] {
  if (code === null) return "other";
  if (/(^|_)(UNAUTHENTICATED|UNAUTHORIZED|SESSION_EXPIRED)$/.test(code)) return "unauthenticated";
  if (/(^|_)(FORBIDDEN|PERMISSION_DENIED|DENIED)$/.test(code)) return "denied";
  if (/(^|_)NOT_FOUND$/.test(code)) return "missing";
  return "other";
}

function fieldsOf(value: unknown): Problem["fields"] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null || !("path" in entry) || !("message" in entry)) return [];
    const path = Array.isArray(entry.path) ? entry.path.join(".") : String(entry.path);
    return [{ path, message: sentence(String(entry.message)) }];
  });
}

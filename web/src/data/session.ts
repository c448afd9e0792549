//! Who is signed in. One small store in front of the `/auth` endpoints, so that every page sees the same answer.

import { useSyncExternalStore } from "react";
import { sentence } from "@/lib/messages";
import { fetchSession } from "./start";

/** What `GET /auth/state` answers. */
export interface AuthState {
  readonly needsSetup: boolean;
  readonly viewer: { readonly name: string; readonly role: string } | null;
  /** What the sign-in provider is called; null where there is none. */
  readonly provider: string | null;
}

/** The store's value: not asked yet, no answer, or an answer. */
export type Session =
  | { readonly kind: "loading" }
  | { readonly kind: "unreachable" }
  | ({ readonly kind: "known" } & AuthState);

/** A refusal of the server in its own words. */
export class AuthError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "AuthError";
  }
}

let session: Session = { kind: "loading" };
const listeners = new Set<() => void>();

/** The session, and a new render whenever it changes. */
export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => session);
}

/** The name of the signed-in account at this moment, for stores outside React. */
export function currentViewer(): string | null {
  return session.kind === "known" ? (session.viewer?.name ?? null) : null;
}

/** Whether the signed-in account administrates the server. The server decides again on every request. */
export function useIsAdmin(): boolean {
  return useRole() === "admin";
}

/** Whether the signed-in account may change things: start scans, steer jobs. */
export function useCanEdit(): boolean {
  const role = useRole();
  return role === "admin" || role === "editor";
}

function useRole(): string | null {
  const current = useSession();
  return current.kind === "known" ? (current.viewer?.role.toLowerCase() ?? null) : null;
}

/** Asks the server again, which lets nobody keep this answer; the first time it has been asked already. Keeps a known session when the server cannot be reached. */
export async function refreshSession(): Promise<void> {
  try {
    const response = await fetchSession();
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    set({ kind: "known", ...parseAuthState(await response.json()) });
  } catch {
    if (session.kind !== "known") set({ kind: "unreachable" });
  }
}

/** What a sign-in is refused with where the account has a second factor too. */
export const secondFactorNeeded = "SECOND_FACTOR_NEEDED";

/** Signs in, with a code where the account has a second factor; throws an AuthError with the server's reason. */
export async function signIn(name: string, password: string, code?: string): Promise<void> {
  await post("/auth/sign-in", { name, password, ...(code !== undefined && { code }) });
  await refreshSession();
}

/** Makes the first administrator with the one-time code and signs in as them. */
export async function setUp(code: string, name: string, password: string): Promise<void> {
  await post("/auth/setup", { code, name, password });
  await refreshSession();
  // A server that only makes the account leaves the sign-in to us.
  if (session.kind === "known" && session.viewer === null) await signIn(name, password);
}

/** Ends the session here and on the server. */
export async function signOut(): Promise<void> {
  await post("/auth/sign-out", {});
  await refreshSession();
}

/** Reads the answer of `/auth/state`; throws when it has another shape. */
export function parseAuthState(json: unknown): AuthState {
  if (!isRecord(json) || typeof json.needsSetup !== "boolean") throw new Error("unreadable answer of /auth/state");
  const { viewer } = json;
  const provider = typeof json.provider === "string" ? json.provider : null;
  if (viewer == null) return { needsSetup: json.needsSetup, viewer: null, provider };
  if (!isRecord(viewer) || typeof viewer.name !== "string" || typeof viewer.role !== "string") {
    throw new Error("unreadable viewer in the answer of /auth/state");
  }
  return { needsSetup: json.needsSetup, viewer: { name: viewer.name, role: viewer.role }, provider };
}

async function post(path: string, body: Readonly<Record<string, string>>): Promise<void> {
  await ask(path, body);
}

/** The answer of one of the `/auth` endpoints; throws an AuthError with the server's reason. */
export async function ask(path: string, body: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "x-requested-with": "vitagraph" },
    body: JSON.stringify(body),
  });
  const json: unknown = await response.json().catch(() => null);
  if (response.ok) return json;
  const error = isRecord(json) && isRecord(json.error) ? json.error : {};
  const code = typeof error.code === "string" ? error.code : `HTTP_${response.status}`;
  const message = typeof error.message === "string" ? error.message : `the server answered ${response.status}`;
  throw new AuthError(code, sentence(message));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function set(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

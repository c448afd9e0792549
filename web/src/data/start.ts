//! The answers to what public/start.js asked while the app was still loading: each is taken once, and whatever is missing is asked for again.

interface Start {
  readonly session: Promise<Response>;
  /** The first request's body, which the app's own must equal. */
  readonly body: string;
  readonly first: Promise<Response | null>;
}

declare global {
  interface Window {
    vitagraphStart?: Start;
  }
}

let start = typeof window === "undefined" ? undefined : window.vitagraphStart;
let isSessionTaken = false;

/** Who is signed in, as the server answered at the very start; later it is asked anew. */
export function fetchSession(): Promise<Response> {
  const session = isSessionTaken ? undefined : start?.session;
  isSessionTaken = true;
  return session ?? fetch("/auth/state");
}

/** `fetch`, but the first window of the library is under way already. Another account never gets it: the first request of any kind ends the offer. */
export const startedFetch: typeof fetch = async (input, init) => {
  const offer = start;
  start = undefined;
  const answer = offer?.body === init?.body ? await offer?.first : null;
  return answer?.ok ? answer : fetch(input, init);
};

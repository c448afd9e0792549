//! The way back to the app, and who runs the documents.

import { useEffect, useState } from "react";
import { parseAuthState } from "../src/data/session";

export function SignedIn() {
  const [name, setName] = useState<string | null>(null);
  const [isKnown, setIsKnown] = useState(false);
  // The session is the server's; this page only shows it.
  useEffect(() => {
    const controller = new AbortController();
    void fetch("/auth/state", { signal: controller.signal, cache: "no-store" })
      .then((response) => response.json())
      .then((json: unknown) => {
        setName(parseAuthState(json).viewer?.name ?? null);
        setIsKnown(true);
      })
      // An aborted or failed request leaves the plain link.
      .catch(() => {});
    return () => controller.abort();
  }, []);
  return (
    <span className="playground-account">
      <a href="/">Vitagraph</a>
      {isKnown && (name === null ? <a href="/login?next=%2Fplayground%2F">Sign in</a> : <span>{name}</span>)}
    </span>
  );
}

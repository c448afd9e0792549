//! Other ways to sign in than by a password: a passkey, and a provider where the server has one.

import { useState } from "react";
import { knowsPasskeys, signInByPasskey } from "@/data/passkeys";
import { AuthError, refreshSession, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";

interface OtherWaysProps {
  /** Where the reader wanted to be: a path. */
  readonly next: string;
  /** What the provider's answer came to, if the reader is back from there in vain. */
  readonly problem: string | null;
  readonly onSignedIn: () => void;
}

export function OtherWays({ next, problem, onSignedIn }: OtherWaysProps) {
  const session = useSession();
  const provider = session.kind === "known" ? session.provider : null;
  const [error, setError] = useState<string | null>(problem === null ? null : t("login.providerFailed", { code: problem }));
  const byPasskey = async () => {
    setError(null);
    try {
      await signInByPasskey();
      await refreshSession();
      onSignedIn();
    } catch (cause) {
      // Whoever closes the browser's dialog has changed their mind, which is no error.
      if (cause instanceof DOMException) return;
      setError(cause instanceof AuthError ? cause.message : t("error.network"));
    }
  };
  return (
    <>
      {error !== null && <Notice tone="bad">{error}</Notice>}
      {knowsPasskeys() && (
        <Button type="button" onClick={() => void byPasskey()}>
          {t("login.passkey")}
        </Button>
      )}
      {provider !== null && <a href={`/auth/provider/start?next=${encodeURIComponent(next)}`}>{t("login.provider", { name: provider })}</a>}
    </>
  );
}

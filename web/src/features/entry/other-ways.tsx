//! Other ways to sign in than by a password: a passkey, and a provider where the server has one.

import { useState } from "react";
import { authProblem } from "@/components/auth-problem";
import { knowsPasskeys, signInByPasskey } from "@/data/passkeys";
import { refreshSession, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/notice";
import styles from "./entry-card.module.css";

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
  const [error, setError] = useState(problem);
  const [isBusy, setIsBusy] = useState(false);
  const byPasskey = async () => {
    setError(null);
    setIsBusy(true);
    try {
      await signInByPasskey();
      await refreshSession();
      onSignedIn();
    } catch (cause) {
      setError(authProblem(cause));
      setIsBusy(false);
    }
  };
  if (!knowsPasskeys() && provider === null && error === null) return null;
  return (
    <div className={styles.ways}>
      {error !== null && <Notice tone="bad">{error}</Notice>}
      {knowsPasskeys() && (
        <Button isBusy={isBusy} onClick={() => void byPasskey()}>
          {t("login.passkey")}
        </Button>
      )}
      {provider !== null && (
        // The server sends the browser on, so it is no button.
        <a className={styles.way} href={`/auth/provider/start?next=${encodeURIComponent(next)}`}>
          {t("login.provider", { name: provider })}
        </a>
      )}
    </div>
  );
}

//! Where the account is signed in, and ending that.

import { useClient, useQuery } from "urql";
import { useNow } from "@/components/clock";
import { Failed, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { browserName } from "@/lib/browser-name";
import { formatAgo, formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { showToast } from "@/ui/toast";
import styles from "./settings-page.module.css";

const Sessions = graphql(`
  query Sessions { sessions(first: 100) { nodes { id userAgent address createdAt lastUsedAt isCurrent } } }
`);
const RevokeSession = graphql(`mutation RevokeSession($input: RevokeSessionInput!) { revokeSession(input: $input) { sessionId } }`);
const RevokeOthers = graphql(`mutation RevokeOthers($input: RevokeOtherSessionsInput!) { revokeOtherSessions(input: $input) { sessionCount } }`);

export function SessionsSection() {
  const client = useClient();
  const now = useNow();
  const locale = currentLocale();
  const [{ data, error }, refetch] = useQuery({ query: Sessions, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  const told = (problem: Parameters<typeof problemText>[0] | undefined, text: string) => {
    showToast(problem ? { text: problemText(problem), tone: "bad" } : { text });
    again();
  };
  const revoke = async (id: string) => told((await client.mutation(RevokeSession, { input: { id } }).toPromise()).error, t("sessions.ended"));
  const revokeOthers = async () => told((await client.mutation(RevokeOthers, { input: {} }).toPromise()).error, t("sessions.othersEnded"));
  const sessions = data?.sessions.nodes ?? [];
  return (
    <section className={styles.section} aria-label={t("sessions.title")}>
      <h2>{t("sessions.title")}</h2>
      {error && !data && <Failed error={error} onRetry={again} />}
      <ul className={styles.tokens}>
        {sessions.map((session) => (
          <li key={session.id} className={styles.token}>
            <strong title={session.userAgent ?? undefined}>{session.userAgent === null ? t("sessions.unknown") : browserName(session.userAgent)}</strong>
            <span className={styles.note}>
              {[
                session.address ?? t("sessions.here"),
                t("sessions.since", { when: formatDateTime(session.createdAt, locale) }),
                t("settings.lastUsed", { when: formatAgo(session.lastUsedAt, now, locale) }),
              ].join(" · ")}
            </span>
            {session.isCurrent ? <span className={styles.note}>{t("sessions.current")}</span> : <Button onClick={() => void revoke(session.id)}>{t("sessions.end")}</Button>}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && <Button onClick={() => void revokeOthers()}>{t("sessions.endOthers")}</Button>}
    </section>
  );
}

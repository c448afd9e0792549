//! Where every account is signed in, and ending that.

import { useState } from "react";
import { useClient, useQuery } from "urql";
import { useNow } from "@/components/clock";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { browserName } from "@/lib/browser-name";
import { formatAgo, formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { Table } from "./table";

const AllSessions = graphql(`
  query AllSessions($userId: ID, $after: String) {
    sessions(userId: $userId, first: 100, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id userAgent address createdAt lastUsedAt isCurrent user { id name } }
    }
    users(first: 200) { nodes { id name } }
  }
`);
const EndSession = graphql(`mutation EndSession($input: RevokeSessionInput!) { revokeSession(input: $input) { sessionId } }`);

export function SessionsSection() {
  const client = useClient();
  const now = useNow();
  const locale = currentLocale();
  const [userId, setUserId] = useState<string | null>(null);
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: AllSessions, variables: { userId, after }, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const end = async (id: string) => {
    const result = await client.mutation(EndSession, { input: { id } }).toPromise();
    showToast(result.error ? { text: problemText(result.error), tone: "bad" } : { text: t("sessions.ended") });
    again();
  };
  const { nodes, pageInfo, totalCount } = data.sessions;
  return (
    <>
      <p className={styles.actions}>
        <label className={styles.inline}>
          {t("admin.account")}
          <select
            value={userId ?? ""}
            onChange={(event) => {
              setUserId(event.target.value === "" ? null : event.target.value);
              setAfter(null);
            }}
          >
            <option value="">{t("admin.everybody")}</option>
            {data.users.nodes.map((user) => (
              <option key={user.id} value={user.id}>
                {user.name}
              </option>
            ))}
          </select>
        </label>
        <span className={styles.note}>{t("admin.sessionCount", { count: totalCount })}</span>
      </p>
      <Table label={t("admin.sessions")} head={[t("admin.account"), t("admin.browser"), t("admin.address"), t("sessions.title"), t("admin.lastUsed"), ""]} minor={[2, 3]}>
        {nodes.map((session) => (
          <tr key={session.id}>
            <td>{session.user.name}</td>
            <td className={styles.exact} title={session.userAgent ?? undefined}>{session.userAgent === null ? t("sessions.unknown") : browserName(session.userAgent)}</td>
            <td className={classNames(styles.exact, styles.minor)}>{session.address ?? t("sessions.here")}</td>
            <td className={classNames(styles.exact, styles.minor)}>{formatDateTime(session.createdAt, locale)}</td>
            <td className={styles.exact}>{formatAgo(session.lastUsedAt, now, locale)}</td>
            <td>
              {session.isCurrent ? (
                t("sessions.current")
              ) : (
                <Button aria-label={t("admin.endSessionOf", { name: session.user.name })} onClick={() => void end(session.id)}>
                  {t("sessions.end")}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </Table>
      {nodes.length === 0 && <p className={styles.note}>{t("admin.noSessions")}</p>}
      {(after !== null || pageInfo.hasNextPage) && (
        <p className={styles.actions}>
          {after !== null && <Button onClick={() => setAfter(null)}>{t("admin.firstPage")}</Button>}
          {pageInfo.hasNextPage && <Button onClick={() => setAfter(pageInfo.endCursor)}>{t("admin.nextPage")}</Button>}
        </p>
      )}
    </>
  );
}

//! The accounts: roles, what each sees, locking, and dialogs for what more can be changed of one and for a new one.

import { useState } from "react";
import { useClient, useQuery } from "urql";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql, type VariablesOf } from "@/data/graphql";
import { formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { PlusIcon } from "@/ui/icons";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { Table } from "./table";
import { EditUser, NewUser } from "./user-dialog";
import { RoleOptions, roleOf, UpdateUser, type User, UserFragment } from "./users";

const Users = graphql(`query Users($first: Int!) { users(first: $first) { pageInfo { hasNextPage } nodes { ...User } } viewer { id } }`, [UserFragment]);

const shownAtMost = 200;

export function UsersSection() {
  const client = useClient();
  const locale = currentLocale();
  const [isAdding, setIsAdding] = useState(false);
  const [editedId, setEditedId] = useState<string | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: Users, variables: { first: shownAtMost }, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const users = data.users.nodes;
  const edited = users.find((user) => user.id === editedId);
  const update = async (input: VariablesOf<typeof UpdateUser>["input"]) => {
    const result = await client.mutation(UpdateUser, { input }).toPromise();
    if (result.error) showToast({ text: t("edit.failed", { reason: problemText(result.error) }), tone: "bad" });
  };
  const giveRole = (user: User, role: User["role"]) =>
    // An administrator sees all libraries.
    update({ id: user.id, role, ...(role === "ADMIN" && user.libraryAccess !== null ? { libraryAccess: null } : {}) });
  return (
    <>
      <p className={styles.actions}>
        <Button icon={<PlusIcon />} onClick={() => setIsAdding(true)}>
          {t("admin.newUser")}
        </Button>
      </p>
      <Table label={t("admin.users")} head={[t("organize.name"), t("admin.role"), t("access.title"), t("media.added"), ""]} minor={[3]}>
        {users.map((user) => {
          const isOwn = user.id === data.viewer?.id;
          return (
            <tr key={user.id}>
              <td className={styles.long}>
                <button type="button" className={styles.plain} aria-label={t("access.edit", { name: user.name })} onClick={() => setEditedId(user.id)}>
                  {user.name}
                </button>{" "}
                {isOwn && <span className={styles.note}>({t("admin.you")})</span>}
                {user.isDisabled && <span className={styles.bad}>({t("admin.locked")})</span>}
              </td>
              <td>
                <select
                  aria-label={t("admin.roleOf", { name: user.name })}
                  value={user.role}
                  disabled={isOwn}
                  onChange={(event) => void giveRole(user, roleOf(event.target.value, user.role))}
                >
                  <RoleOptions />
                </select>
              </td>
              <td title={user.libraryAccess?.map(({ library }) => library?.name ?? "").join("\n")}>
                {user.libraryAccess === null ? t("access.allShort") : t("access.count", { count: user.libraryAccess.length })}
              </td>
              <td className={classNames(styles.exact, styles.minor)}>{formatDateTime(user.createdAt, locale)}</td>
              <td>
                {!isOwn && (
                  <span className={styles.buttons}>
                    <Button
                      aria-label={t(user.isDisabled ? "admin.unlockOf" : "admin.lockOf", { name: user.name })}
                      onClick={() => void update({ id: user.id, isDisabled: !user.isDisabled })}
                    >
                      {t(user.isDisabled ? "admin.unlock" : "admin.lock")}
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          );
        })}
      </Table>
      {data.users.pageInfo.hasNextPage && <p className={styles.note}>{t("admin.firstUsers", { count: shownAtMost })}</p>}
      {edited && <EditUser key={edited.id} user={edited} isOwn={edited.id === data.viewer?.id} onClose={() => setEditedId(null)} />}
      {isAdding && (
        <NewUser
          onClose={() => setIsAdding(false)}
          onDone={() => {
            setIsAdding(false);
            again();
          }}
        />
      )}
    </>
  );
}

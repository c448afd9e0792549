//! The accounts: roles, locking, new passwords, new accounts.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient, useQuery } from "urql";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { PlusIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { Table } from "./table";

const Users = graphql(`query Users($first: Int!) { users(first: $first) { nodes { id name role isDisabled createdAt } } viewer { id } }`);
const CreateUser = graphql(`mutation CreateUser($input: CreateUserInput!) { createUser(input: $input) { user { id name role } } }`);
const UpdateUser = graphql(`mutation UpdateUser($input: UpdateUserInput!) { updateUser(input: $input) { user { id name role isDisabled } } }`);

const roles = ["ADMIN", "EDITOR", "VIEWER"] as const;
const shownAtMost = 200;
const shortestPassword = 8;

export function UsersSection() {
  const client = useClient();
  const locale = currentLocale();
  const [isAdding, setIsAdding] = useState(false);
  const [{ data, error }, refetch] = useQuery({ query: Users, variables: { first: shownAtMost }, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const told = (problem: CombinedError | undefined) => {
    if (problem) showToast({ text: t("edit.failed", { reason: problemText(problem) }), tone: "bad" });
  };
  return (
    <>
      <p className={styles.actions}>
        <Button icon={<PlusIcon />} onClick={() => setIsAdding(true)}>
          {t("admin.newUser")}
        </Button>
      </p>
      <Table label={t("admin.users")} head={[t("organize.name"), t("admin.role"), t("media.added"), t("admin.state")]}>
        {data.users.nodes.map((user) => {
          const isOwn = user.id === data.viewer?.id;
          return (
            <tr key={user.id}>
              <td>{user.name}</td>
              <td>
                <select
                  aria-label={t("admin.roleOf", { name: user.name })}
                  value={user.role}
                  disabled={isOwn}
                  onChange={(event) => {
                    const role = roles.find((known) => known === event.target.value) ?? user.role;
                    void client.mutation(UpdateUser, { input: { id: user.id, role } }).toPromise().then((result) => told(result.error));
                  }}
                >
                  {roles.map((role) => (
                    <option key={role} value={role}>
                      {t(`role.${role}`)}
                    </option>
                  ))}
                </select>
              </td>
              <td className={styles.exact}>{formatDateTime(user.createdAt, locale)}</td>
              <td>
                {isOwn ? (
                  t("admin.you")
                ) : (
                  <Button
                    onClick={() =>
                      void client
                        .mutation(UpdateUser, { input: { id: user.id, isDisabled: !user.isDisabled } })
                        .toPromise()
                        .then((result) => told(result.error))
                    }
                    aria-label={t(user.isDisabled ? "admin.unlockOf" : "admin.lockOf", { name: user.name })}
                  >
                    {t(user.isDisabled ? "admin.unlock" : "admin.lock")}
                  </Button>
                )}
              </td>
            </tr>
          );
        })}
      </Table>
      {isAdding && (
        <Dialog title={t("admin.newUser")} closeLabel={t("dialog.close")} onClose={() => setIsAdding(false)}>
          <UserForm
            onDone={() => {
              setIsAdding(false);
              again();
            }}
          />
        </Dialog>
      )}
    </>
  );
}

function UserForm({ onDone }: { readonly onDone: () => void }) {
  const client = useClient();
  const [draft, setDraft] = useState<{ name: string; password: string; role: (typeof roles)[number] }>({ name: "", password: "", role: "VIEWER" });
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const result = await client.mutation(CreateUser, { input: draft }).toPromise();
    setError(result.error ?? null);
    if (!result.error) onDone();
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field
        label={t("login.name")}
        name="username"
        required
        maxLength={64}
        autoComplete="off"
        value={draft.name}
        onChange={(event) => setDraft({ ...draft, name: event.target.value })}
      />
      <Field
        label={t("login.password")}
        name="password"
        type="password"
        required
        minLength={shortestPassword}
        autoComplete="new-password"
        hint={t("setup.passwordHint", { count: shortestPassword })}
        value={draft.password}
        onChange={(event) => setDraft({ ...draft, password: event.target.value })}
      />
      <label className={styles.form}>
        {t("admin.role")}
        <select value={draft.role} onChange={(event) => setDraft({ ...draft, role: roles.find((role) => role === event.target.value) ?? draft.role })}>
          {roles.map((role) => (
            <option key={role} value={role}>
              {t(`role.${role}`)}
            </option>
          ))}
        </select>
      </label>
      {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
      <Button type="submit" look="primary">
        {t("edit.save")}
      </Button>
    </form>
  );
}

//! An account in a dialog: a new one, or what administrators change of one that is there.

import { type FormEvent, type ReactNode, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { problemText } from "@/components/states";
import { problemOf } from "@/data/errors";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { SelectField } from "@/ui/select-field";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { grantsInput, grantsOf, LibraryAccess, type LibraryGrants } from "./library-access";
import { type Role, RoleOptions, roleOf, UpdateUser, type User } from "./users";

const CreateUser = graphql(`mutation CreateUser($input: CreateUserInput!) { createUser(input: $input) { user { id name role } } }`);
const RemoveSecondFactor = graphql(`mutation RemoveSecondFactorOf($input: RemoveSecondFactorInput!) { removeSecondFactor(input: $input) { user { id } } }`);

const shortestPassword = 8;

interface NewUserProps {
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export function NewUser({ onDone, onClose }: NewUserProps) {
  const client = useClient();
  const [draft, setDraft] = useState<{ name: string; password: string; role: Role; grants: LibraryGrants }>({ name: "", password: "", role: "VIEWER", grants: null });
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async () => {
    const { grants, ...input } = draft;
    const libraryAccess = draft.role === "ADMIN" ? null : grantsInput(grants);
    const result = await client.mutation(CreateUser, { input: { ...input, ...(libraryAccess === null ? {} : { libraryAccess }) } }).toPromise();
    setError(result.error ?? null);
    if (result.error) return;
    showToast({ text: t("edit.saved") });
    onDone();
  };
  return (
    <UserForm title={t("admin.newUser")} error={error} onSubmit={submit} onClose={onClose}>
      <NameField error={error} value={draft.name} onChange={(name) => set({ name })} />
      <Field
        label={t("login.password")}
        name="password"
        type="password"
        required
        minLength={shortestPassword}
        autoComplete="new-password"
        hint={t("setup.passwordHint", { count: shortestPassword })}
        value={draft.password}
        onChange={(event) => set({ password: event.target.value })}
      />
      <SelectField label={t("admin.role")} name="role" value={draft.role} onChange={(event) => set({ role: roleOf(event.target.value, draft.role) })}>
        <RoleOptions />
      </SelectField>
      <LibraryAccess isAdmin={draft.role === "ADMIN"} isViewer={draft.role === "VIEWER"} value={draft.grants} onChange={(grants) => set({ grants })} />
    </UserForm>
  );
}

interface EditUserProps {
  readonly user: User;
  readonly isOwn: boolean;
  readonly onClose: () => void;
}

/** Sends what was changed, and nothing else. One's own password is changed in one's settings, where the present one is asked for. */
export function EditUser({ user, isOwn, onClose }: EditUserProps) {
  const client = useClient();
  const [draft, setDraft] = useState(() => ({ name: user.name, password: "", grants: grantsOf(user.libraryAccess) }));
  const set = (change: Partial<typeof draft>) => setDraft({ ...draft, ...change });
  const [isReachChanged, setIsReachChanged] = useState(false);
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async () => {
    const input = {
      id: user.id,
      ...(draft.name === user.name ? {} : { name: draft.name }),
      ...(draft.password === "" ? {} : { password: draft.password }),
      ...(isReachChanged ? { libraryAccess: grantsInput(draft.grants) } : {}),
    };
    const result = await client.mutation(UpdateUser, { input }).toPromise();
    setError(result.error ?? null);
    if (result.error) return;
    showToast({ text: t("edit.saved") });
    onClose();
  };
  const removeFactor = async () => {
    const result = await client.mutation(RemoveSecondFactor, { input: { userId: user.id } }).toPromise();
    setError(result.error ?? null);
    if (!result.error) showToast({ text: t("access.factorRemoved", { name: user.name }) });
  };
  return (
    <UserForm title={t("access.edit", { name: user.name })} error={error} onSubmit={submit} onClose={onClose}>
      <NameField error={error} value={draft.name} onChange={(name) => set({ name })} />
      <LibraryAccess
        isAdmin={user.role === "ADMIN"}
        isViewer={user.role === "VIEWER"}
        value={draft.grants}
        onChange={(grants) => {
          set({ grants });
          setIsReachChanged(true);
        }}
      />
      {!isOwn && (
        <>
          <Field
            label={t("settings.newPassword")}
            name="password"
            type="password"
            minLength={shortestPassword}
            autoComplete="new-password"
            hint={t("access.passwordHint")}
            value={draft.password}
            onChange={(event) => set({ password: event.target.value })}
          />
          <p className={styles.aside}>
            <Button onClick={() => void removeFactor()}>{t("access.removeFactor")}</Button>
            <span className={styles.note}>{t("access.factorHint")}</span>
          </p>
        </>
      )}
    </UserForm>
  );
}

interface UserFormProps {
  readonly title: string;
  readonly error: CombinedError | null;
  readonly onSubmit: () => Promise<void>;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

function UserForm({ title, error, onSubmit, onClose, children }: UserFormProps) {
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    await onSubmit();
    setIsBusy(false);
  };
  return (
    <Dialog title={title} closeLabel={t("dialog.close")} onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        {children}
        {error !== null && nameError(error) === undefined && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit" look="primary" isBusy={isBusy}>
          {t("edit.save")}
        </Button>
      </form>
    </Dialog>
  );
}

interface NameFieldProps {
  readonly error: CombinedError | null;
  readonly value: string;
  readonly onChange: (name: string) => void;
}

function NameField({ error, value, onChange }: NameFieldProps) {
  return (
    <Field
      label={t("login.name")}
      name="username"
      required
      maxLength={64}
      autoComplete="off"
      data-autofocus=""
      error={error === null ? undefined : nameError(error)}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

function nameError(error: CombinedError): string | undefined {
  return problemOf(error).fields.find((field) => field.path === "input.name")?.message;
}

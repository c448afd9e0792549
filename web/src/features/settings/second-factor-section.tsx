//! A second factor at sign-in: a secret for an authenticator app, confirmed by its first code, and the codes for when the app is lost.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import styles from "./settings-page.module.css";

const Begin = graphql(`mutation BeginSecondFactor($input: BeginSecondFactorInput!) { beginSecondFactor(input: $input) { secret uri } }`);
const Confirm = graphql(`mutation ConfirmSecondFactor($input: ConfirmSecondFactorInput!) { confirmSecondFactor(input: $input) { recoveryCodes } }`);
const Remove = graphql(`mutation RemoveSecondFactor($input: RemoveSecondFactorInput!) { removeSecondFactor(input: $input) { user { id } } }`);

interface SecondFactorSectionProps {
  readonly isOn: boolean;
  readonly onChanged: () => void;
}

export function SecondFactorSection({ isOn, onChanged }: SecondFactorSectionProps) {
  const client = useClient();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [secret, setSecret] = useState<{ readonly secret: string; readonly uri: string } | null>(null);
  const [recovery, setRecovery] = useState<readonly string[]>([]);
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (secret !== null) {
      const confirmed = await client.mutation(Confirm, { input: { code: code.trim() } }).toPromise();
      setError(confirmed.error ?? null);
      if (!confirmed.data) return;
      setRecovery(confirmed.data.confirmSecondFactor.recoveryCodes);
      setSecret(null);
      setCode("");
      return onChanged();
    }
    if (isOn) {
      const removed = await client.mutation(Remove, { input: { password } }).toPromise();
      setError(removed.error ?? null);
      if (removed.data) setRecovery([]);
      onChanged();
    } else {
      const begun = await client.mutation(Begin, { input: { password } }).toPromise();
      setError(begun.error ?? null);
      setSecret(begun.data?.beginSecondFactor ?? null);
    }
    setPassword("");
  };
  return (
    <section className={styles.section} aria-label={t("secondFactor.title")}>
      <h2>{t("secondFactor.title")}</h2>
      <p className={styles.note}>{t(isOn ? "secondFactor.isOn" : "secondFactor.isOff")}</p>
      {recovery.length > 0 && (
        <Notice tone="info">
          {t("secondFactor.recovery")} <code className={styles.secret}>{recovery.join(" ")}</code>
        </Notice>
      )}
      {secret !== null && (
        <Notice tone="info">
          {t("secondFactor.secret")} <code className={styles.secret}>{secret.secret}</code> <a href={secret.uri}>{t("secondFactor.openApp")}</a>
        </Notice>
      )}
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        {secret === null ? (
          <Field
            label={t("settings.oldPassword")}
            name="factor-password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        ) : (
          <Field label={t("login.code")} name="factor-code" autoComplete="one-time-code" inputMode="numeric" required value={code} onChange={(event) => setCode(event.target.value)} />
        )}
        {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
        <Button type="submit">{t(secret !== null ? "secondFactor.confirm" : isOn ? "secondFactor.remove" : "secondFactor.begin")}</Button>
      </form>
    </section>
  );
}

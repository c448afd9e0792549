//! The account's passkeys: those that there are, one more, one less.

import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { authProblem } from "@/components/auth-problem";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { knowsPasskeys, makePasskey } from "@/data/passkeys";
import { formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./settings-page.module.css";

const Passkeys = graphql(`query Passkeys { passkeys { id name createdAt lastUsedAt } }`);
const RemovePasskey = graphql(`mutation RemovePasskey($input: RemovePasskeyInput!) { removePasskey(input: $input) { passkeyId } }`);

export function PasskeysSection() {
  const client = useClient();
  const locale = currentLocale();
  const [{ data, error }, refetch] = useQuery({ query: Passkeys, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  const remove = async (id: string) => {
    const { error: problem } = await client.mutation(RemovePasskey, { input: { id } }).toPromise();
    showToast(problem ? { text: problemText(problem), tone: "bad" } : { text: t("passkeys.removed") });
    again();
  };
  return (
    <section className={styles.section} aria-label={t("passkeys.title")}>
      <h2>{t("passkeys.title")}</h2>
      <p className={styles.note}>{t(knowsPasskeys() ? "passkeys.hint" : "passkeys.unknown")}</p>
      {error && !data && <Failed error={error} onRetry={again} />}
      {!error && !data && <Loading />}
      {data?.passkeys.length === 0 && <p className={styles.note}>{t("passkeys.none")}</p>}
      <ul className={styles.tokens}>
        {data?.passkeys.map((passkey) => (
          <li key={passkey.id} className={styles.token}>
            <strong>{passkey.name}</strong>
            <span className={styles.note}>
              {formatDateTime(passkey.createdAt, locale)}
              {passkey.lastUsedAt !== null && ` · ${t("settings.lastUsed", { when: formatDateTime(passkey.lastUsedAt, locale) })}`}
            </span>
            <Button aria-label={t("passkeys.removeOf", { name: passkey.name })} onClick={() => void remove(passkey.id)}>
              {t("passkeys.remove")}
            </Button>
          </li>
        ))}
      </ul>
      {knowsPasskeys() && <PasskeyForm onMade={again} />}
    </section>
  );
}

function PasskeyForm({ onMade }: { readonly onMade: () => void }) {
  const [draft, setDraft] = useState({ name: "", password: "" });
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setProblem(null);
    try {
      await makePasskey(draft.name.trim(), draft.password);
      setDraft({ name: "", password: "" });
      showToast({ text: t("passkeys.made") });
      onMade();
    } catch (cause) {
      setProblem(authProblem(cause));
    }
    setIsBusy(false);
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field label={t("passkeys.name")} name="passkey" required maxLength={100} value={draft.name} onChange={(event) => setDraft({ ...draft, name: event.target.value })} />
      <Field
        label={t("settings.oldPassword")}
        name="passkey-password"
        type="password"
        autoComplete="current-password"
        hint={t("passkeys.passwordHint")}
        value={draft.password}
        onChange={(event) => setDraft({ ...draft, password: event.target.value })}
      />
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      <Button type="submit" isBusy={isBusy}>
        {t("passkeys.make")}
      </Button>
    </form>
  );
}

//! Look, language, password, second factor, passkeys, sign-in provider, sessions, links and tokens of the signed-in account.

import "@/lib/page-messages";
import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Failed, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatDateTime } from "@/lib/format";
import { chosenLanguage, currentLocale, keepLanguage, languages, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { applyTheme, storedTheme, themes } from "@/ui/theme";
import { showToast } from "@/ui/toast";
import { KeysSection } from "./keys-section";
import { PasskeysSection } from "./passkeys-section";
import { ProviderSection } from "./provider-section";
import { SecondFactorSection } from "./second-factor-section";
import { SessionsSection } from "./sessions-section";
import styles from "./settings-page.module.css";
import { ShareLinksSection } from "./share-links-section";

const Account = graphql(`
  query Account {
    viewer { id name role permissions hasSecondFactor }
    apiTokens(first: 100) { nodes { id name scopes createdAt lastUsedAt expiresAt revokedAt } }
  }
`);

const CreateToken = graphql(`mutation CreateToken($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id name } } }`);
const RevokeToken = graphql(`mutation RevokeToken($input: RevokeApiTokenInput!) { revokeApiToken(input: $input) { apiToken { id revokedAt } } }`);
const ChangePassword = graphql(`mutation ChangePassword($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }`);

const shortestPassword = 8;

export function Page() {
  usePageTitle(t("nav.settings"));
  const [theme, setTheme] = useState(storedTheme);
  const [{ data, error }, refetch] = useQuery({ query: Account, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  return (
    <div className={styles.page}>
      <PageHead title={t("nav.settings")} />
      <section className={styles.section} aria-label={t("settings.look")}>
        <h2>{t("settings.look")}</h2>
        <label className={styles.row}>
          {t("theme.label")}
          <select
            value={theme}
            onChange={(event) => {
              const chosen = themes.find((candidate) => candidate === event.target.value) ?? "system";
              applyTheme(chosen);
              setTheme(chosen);
            }}
          >
            {themes.map((candidate) => (
              <option key={candidate} value={candidate}>
                {t(`theme.${candidate}`)}
              </option>
            ))}
          </select>
        </label>
        <label className={styles.row}>
          {t("settings.language")}
          <select
            value={chosenLanguage() ?? ""}
            onChange={(event) => {
              keepLanguage(event.target.value === "" ? null : event.target.value);
              // Texts are read while rendering, all over the app.
              location.reload();
            }}
          >
            <option value="">{t("theme.system")}</option>
            {Object.entries(languages).map(([tag, name]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </section>
      <KeysSection />
      {error && !data && <Failed error={error} onRetry={again} />}
      {data?.viewer && <PasswordSection id={data.viewer.id} />}
      {data?.viewer && <SecondFactorSection isOn={data.viewer.hasSecondFactor} onChanged={again} />}
      {data && <PasskeysSection />}
      {data && <ProviderSection />}
      {data && <SessionsSection />}
      {data && <ShareLinksSection />}
      {data && <TokenSection tokens={data.apiTokens.nodes} permissions={data.viewer?.permissions ?? []} onChanged={again} />}
    </div>
  );
}

function PasswordSection({ id }: { readonly id: string }) {
  const client = useClient();
  const [draft, setDraft] = useState({ old: "", fresh: "" });
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { error } = await client.mutation(ChangePassword, { input: { id, currentPassword: draft.old, password: draft.fresh } }).toPromise();
    setProblem(error ? problemText(error) : null);
    if (error) return;
    setDraft({ old: "", fresh: "" });
    showToast({ text: t("settings.passwordChanged") });
  };
  return (
    <section className={styles.section} aria-label={t("settings.password")}>
      <h2>{t("settings.password")}</h2>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field
          label={t("settings.oldPassword")}
          name="current-password"
          type="password"
          autoComplete="current-password"
          required
          value={draft.old}
          onChange={(event) => setDraft({ ...draft, old: event.target.value })}
        />
        <Field
          label={t("settings.newPassword")}
          name="new-password"
          type="password"
          autoComplete="new-password"
          required
          minLength={shortestPassword}
          hint={t("setup.passwordHint", { count: shortestPassword })}
          value={draft.fresh}
          onChange={(event) => setDraft({ ...draft, fresh: event.target.value })}
        />
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        <Button type="submit">{t("settings.changePassword")}</Button>
      </form>
    </section>
  );
}

interface TokenSectionProps {
  readonly tokens: readonly {
    readonly id: string;
    readonly name: string;
    readonly scopes: readonly ("ADMIN" | "EDIT" | "VIEW")[];
    readonly createdAt: string;
    readonly lastUsedAt: string | null;
    readonly expiresAt: string | null;
    readonly revokedAt: string | null;
  }[];
  readonly permissions: readonly ("ADMIN" | "EDIT" | "VIEW")[];
  readonly onChanged: () => void;
}

function TokenSection({ tokens, permissions, onChanged }: TokenSectionProps) {
  const client = useClient();
  const locale = currentLocale();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<"ADMIN" | "EDIT" | "VIEW">("VIEW");
  const [secret, setSecret] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const create = async (event: FormEvent) => {
    event.preventDefault();
    const { data, error } = await client.mutation(CreateToken, { input: { name: name.trim(), scopes: [scope] } }).toPromise();
    setProblem(error ? problemText(error) : null);
    setSecret(data?.createApiToken.token ?? null);
    if (data) setName("");
    onChanged();
  };
  const valid = tokens.filter((token) => token.revokedAt === null);
  return (
    <section className={styles.section} aria-label={t("settings.tokens")}>
      <h2>{t("settings.tokens")}</h2>
      <p className={styles.note}>{t("settings.tokensHint")}</p>
      <ul className={styles.tokens}>
        {valid.map((token) => (
          <li key={token.id} className={styles.token}>
            <strong>{token.name}</strong>
            <span className={styles.note}>
              {token.scopes.map((known) => t(`permission.${known}`)).join(", ")} · {formatDateTime(token.createdAt, locale)}
              {token.lastUsedAt !== null && ` · ${t("settings.lastUsed", { when: formatDateTime(token.lastUsedAt, locale) })}`}
            </span>
            <Button
              aria-label={t("settings.revokeOf", { name: token.name })}
              onClick={() => void client.mutation(RevokeToken, { input: { id: token.id } }).toPromise().then(onChanged)}
            >
              {t("settings.revoke")}
            </Button>
          </li>
        ))}
      </ul>
      {secret !== null && (
        <Notice tone="info">
          {t("settings.secret")} <code className={styles.secret}>{secret}</code>
        </Notice>
      )}
      <form className={styles.form} onSubmit={(event) => void create(event)}>
        <Field label={t("settings.tokenName")} name="token" required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
        <label className={styles.row}>
          {t("settings.scope")}
          <select value={scope} onChange={(event) => setScope(permissions.find((known) => known === event.target.value) ?? "VIEW")}>
            {permissions.map((permission) => (
              <option key={permission} value={permission}>
                {t(`permission.${permission}`)}
              </option>
            ))}
          </select>
        </label>
        {problem !== null && <Notice tone="bad">{problem}</Notice>}
        <Button type="submit">{t("settings.newToken")}</Button>
      </form>
    </section>
  );
}

//! The account at the sign-in provider: whether one is linked, linking one, ending that.

import { type FormEvent, useState } from "react";
import { useClient, useQuery } from "urql";
import { useSearch } from "wouter";
import { authProblem, providerProblem } from "@/components/auth-problem";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { providerLinkAddress } from "@/data/provider";
import { useSession } from "@/data/session";
import { formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./settings-page.module.css";

const ProviderAccounts = graphql(`query ProviderAccounts { providerAccounts { issuer subject createdAt lastUsedAt } }`);
const Unlink = graphql(`mutation UnlinkProviderAccount($input: UnlinkProviderAccountInput!) { unlinkProviderAccount(input: $input) { issuer } }`);

/** Where the server has no provider, and nothing is left of a former one, there is nothing to show. */
export function ProviderSection() {
  const client = useClient();
  const locale = currentLocale();
  const session = useSession();
  const problem = providerProblem(useSearch(), { PROVIDER_ACCOUNT_UNKNOWN: "provider.problem.PROVIDER_ACCOUNT_UNKNOWN" });
  const [{ data, error }, refetch] = useQuery({ query: ProviderAccounts, requestPolicy: "cache-and-network" });
  const [leaving, setLeaving] = useState<string | null>(null);
  const again = () => refetch({ requestPolicy: "network-only" });
  const provider = session.kind === "known" ? session.provider : null;
  const accounts = data?.providerAccounts ?? [];
  if (provider === null && accounts.length === 0) return null;
  const unlink = async (issuer: string) => {
    const result = await client.mutation(Unlink, { input: { issuer } }).toPromise();
    setLeaving(null);
    showToast(result.error ? { text: problemText(result.error), tone: "bad" } : { text: t("provider.unlinked") });
    again();
  };
  return (
    <section className={styles.section} aria-label={t("provider.title")}>
      <h2>{t("provider.title")}</h2>
      {provider !== null && <p className={styles.note}>{t("provider.hint", { name: provider })}</p>}
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      {error && !data && <Failed error={error} onRetry={again} />}
      {!error && !data && <Loading />}
      {data && accounts.length === 0 && <p className={styles.note}>{t("provider.none")}</p>}
      <ul className={styles.tokens}>
        {accounts.map(({ issuer, subject, createdAt, lastUsedAt }) => (
          <li key={issuer} className={styles.token}>
            <strong className={styles.long}>{issuer}</strong>
            <span className={styles.note}>
              {[
                t("provider.subject", { subject }),
                t("provider.since", { when: formatDateTime(createdAt, locale) }),
                t("settings.lastUsed", { when: formatDateTime(lastUsedAt, locale) }),
              ].join(" · ")}
            </span>
            <Button aria-label={t("provider.unlinkOf", { issuer })} onClick={() => setLeaving(issuer)}>
              {t("provider.unlink")}
            </Button>
          </li>
        ))}
      </ul>
      {provider !== null && data && <LinkForm provider={provider} isLinked={accounts.length > 0} />}
      {leaving !== null && (
        <Dialog title={t("provider.unlinkOf", { issuer: leaving })} closeLabel={t("dialog.close")} onClose={() => setLeaving(null)}>
          <div className={styles.form}>
            <p>{t("provider.unlinkText")}</p>
            <Button look="primary" onClick={() => void unlink(leaving)}>
              {t("provider.unlink")}
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

/** Asks for the password, as whoever finds a browser unlocked must not link an account of their own. */
function LinkForm({ provider, isLinked }: { readonly provider: string; readonly isLinked: boolean }) {
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setProblem(null);
    try {
      location.assign(await providerLinkAddress(password));
    } catch (cause) {
      setProblem(authProblem(cause));
      setIsBusy(false);
    }
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field
        label={t("settings.oldPassword")}
        name="provider-password"
        type="password"
        autoComplete="current-password"
        required
        hint={isLinked ? t("provider.linkHint") : undefined}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      <Button type="submit" isBusy={isBusy}>
        {t("provider.link", { name: provider })}
      </Button>
    </form>
  );
}

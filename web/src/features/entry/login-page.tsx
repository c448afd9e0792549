//! Signing in with name and password; goes on to where the reader wanted to be.

import "@/lib/page-messages";
import { useState } from "react";
import { useLocation, useSearch } from "wouter";
import { providerProblem } from "@/components/auth-problem";
import { usePageTitle } from "@/components/page-title";
import { AuthError, secondFactorNeeded, signIn } from "@/data/session";
import { t } from "@/lib/messages";
import { nextPath } from "@/lib/paths";
import { CodeField, EntryForm, NameField, PasswordField } from "./entry-form";
import { OtherWays } from "./other-ways";

export function Page() {
  usePageTitle(t("login.title"));
  const [, navigate] = useLocation();
  const query = useSearch();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  // Asked for once the server has said that this account has a second factor.
  const [code, setCode] = useState<string | null>(null);

  const goOn = () => navigate(nextPath(query), { replace: true });
  const submit = async () => {
    await signIn(name, password, code ?? undefined);
    goOn();
  };
  const asksForCode = (cause: unknown) => {
    const isAsked = code === null && cause instanceof AuthError && cause.code === secondFactorNeeded;
    if (isAsked) setCode("");
    return isAsked;
  };
  return (
    <EntryForm
      title={t("login.title")}
      submitText={t("login.submit")}
      busyText={t("login.busy")}
      onSubmit={submit}
      onRefused={asksForCode}
      instead={<OtherWays next={nextPath(query)} problem={providerProblem(query)} onSignedIn={goOn} />}
    >
      <NameField label={t("login.name")} isFirst value={name} onChange={setName} />
      <PasswordField label={t("login.password")} value={password} onChange={setPassword} />
      {code !== null && <CodeField label={t("login.code")} isFirst value={code} onChange={setCode} />}
    </EntryForm>
  );
}

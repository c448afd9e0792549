//! Signing in with name and password; goes on to where the reader wanted to be.

import "@/lib/page-messages";
import { useState, type FormEvent } from "react";
import { useLocation, useSearch } from "wouter";
import { usePageTitle } from "@/components/page-title";
import { AuthError, secondFactorNeeded, signIn } from "@/data/session";
import { t } from "@/lib/messages";
import { nextPath } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { EntryCard } from "./entry-card";

export function Page() {
  usePageTitle(t("login.title"));
  const [, navigate] = useLocation();
  const query = useSearch();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  // Asked for once the server has said that this account has a second factor.
  const [code, setCode] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError(null);
    try {
      await signIn(name, password, code ?? undefined);
      navigate(nextPath(query), { replace: true });
    } catch (cause) {
      const isFirst = code === null && cause instanceof AuthError && cause.code === secondFactorNeeded;
      if (isFirst) setCode("");
      else setError(cause instanceof AuthError ? cause.message : t("error.network"));
      setIsBusy(false);
    }
  };

  return (
    <EntryCard title={t("login.title")} onSubmit={(event) => void submit(event)}>
      <Field
        label={t("login.name")}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is all there is on this page
        autoFocus
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t("login.password")}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {code !== null && (
        <Field
          label={t("login.code")}
          name="code"
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          required
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- it appears because the reader has just submitted the form
          autoFocus
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      )}
      {error !== null && <Notice tone="bad">{error}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {isBusy ? t("login.busy") : t("login.submit")}
      </Button>
    </EntryCard>
  );
}

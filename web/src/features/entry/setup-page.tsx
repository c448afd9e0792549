//! The first run: the administrator's account by one-time code, then the first library, then its scan, which starts at once.

import "@/lib/page-messages";
import { useState, type FormEvent } from "react";
import { Redirect, useLocation, useSearch } from "wouter";
import { LibraryForm } from "@/components/library-form";
import { usePageTitle } from "@/components/page-title";
import { AuthError, setUp, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { EntryCard } from "./entry-card";
import { ScanStep } from "./scan-step";

export function Page() {
  usePageTitle(t("setup.title"));
  const session = useSession();
  const [, navigate] = useLocation();
  // A reload between the steps lands on the library page, which offers the same form.
  const [isFirstRun] = useState(session.kind === "known" && session.needsSetup);
  const [isMade, setIsMade] = useState(false);
  const [scanId, setScanId] = useState<string | null>(null);
  const open = () => navigate(paths.library(), { replace: true });
  if (scanId !== null) return <ScanStep jobId={scanId} onOpen={open} />;
  if (isMade) {
    return (
      <EntryCard title={t("setup.title")} step={t("setup.step", { step: 2 })}>
        <p>{t("setup.library")}</p>
        <LibraryForm onDone={setScanId} />
        <Button look="quiet" onClick={open}>
          {t("setup.later")}
        </Button>
      </EntryCard>
    );
  }
  // The session changes while the account is being made; only a visit to a set-up server is sent away.
  if (!isFirstRun) return <Redirect to={paths.library()} replace />;
  return <AccountStep onMade={() => setIsMade(true)} />;
}

interface AccountStepProps {
  /** Called once the account exists and is signed in. */
  readonly onMade: () => void;
}

const shortestPassword = 8;

function AccountStep({ onMade }: AccountStepProps) {
  const query = useSearch();
  const [code, setCode] = useState(() => new URLSearchParams(query).get("code") ?? "");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError(null);
    try {
      await setUp(code.trim(), name.trim(), password);
      onMade();
    } catch (cause) {
      setError(cause instanceof AuthError ? cause.message : t("error.network"));
      setIsBusy(false);
    }
  };

  return (
    <EntryCard title={t("setup.title")} step={t("setup.step", { step: 1 })} onSubmit={(event) => void submit(event)}>
      <p>{t("setup.account")}</p>
      <Field
        label={t("setup.code")}
        name="code"
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
        required
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is all there is on this page
        autoFocus
        hint={t("setup.codeHint")}
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Field
        label={t("setup.name")}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t("setup.password")}
        name="password"
        type="password"
        autoComplete="new-password"
        required
        minLength={shortestPassword}
        hint={t("setup.passwordHint", { count: shortestPassword })}
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {error !== null && <Notice tone="bad">{error}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {t("setup.submit")}
      </Button>
    </EntryCard>
  );
}

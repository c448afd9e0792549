//! The first run: the administrator's account by one-time code, then the first library, then its scan, which starts at once.

import "@/lib/page-messages";
import { useState } from "react";
import { Redirect, useLocation, useSearch } from "wouter";
import { LibraryForm } from "@/components/library-form";
import { usePageTitle } from "@/components/page-title";
import { setUp, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { EntryCard } from "./entry-card";
import { CodeField, EntryForm, NameField, PasswordField } from "./entry-form";
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
  const submit = async () => {
    await setUp(code.trim(), name.trim(), password);
    onMade();
  };
  return (
    <EntryForm title={t("setup.title")} step={t("setup.step", { step: 1 })} submitText={t("setup.submit")} onSubmit={submit}>
      <p>{t("setup.account")}</p>
      <CodeField label={t("setup.code")} hint={t("setup.codeHint")} isFirst value={code} onChange={setCode} />
      <NameField label={t("setup.name")} value={name} onChange={setName} />
      <PasswordField label={t("setup.password")} shortest={shortestPassword} value={password} onChange={setPassword} />
    </EntryForm>
  );
}

//! What signing in and the first run have in common: a card that is a form, its fields, and what became of sending it.

import { type FormEvent, type ReactNode, useState } from "react";
import { authProblem } from "@/components/auth-problem";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import { EntryCard } from "./entry-card";

interface EntryFormProps {
  readonly title: string;
  readonly step?: string;
  readonly submitText: string;
  readonly busyText?: string;
  /** Sends it; whatever it throws is shown, unless `onRefused` takes it. */
  readonly onSubmit: () => Promise<void>;
  readonly onRefused?: (cause: unknown) => boolean;
  readonly children: ReactNode;
  /** What can be done instead of sending it. */
  readonly instead?: ReactNode;
}

export function EntryForm({ title, step, submitText, busyText = submitText, onSubmit, onRefused, children, instead }: EntryFormProps) {
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (cause) {
      if (!onRefused?.(cause)) setError(authProblem(cause));
      setIsBusy(false);
    }
  };
  return (
    <EntryCard title={title} {...(step === undefined ? {} : { step })} onSubmit={(event) => void submit(event)}>
      {children}
      {error !== null && <Notice tone="bad">{error}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {isBusy ? busyText : submitText}
      </Button>
      {instead}
    </EntryCard>
  );
}

interface WordProps {
  readonly label: string;
  readonly hint?: string;
  readonly isFirst?: boolean;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A name. */
export function NameField(props: WordProps) {
  return <WordField {...props} name="username" autoComplete="username" />;
}

/** A code that is good for once. */
export function CodeField(props: WordProps) {
  return <WordField {...props} name="code" autoComplete="one-time-code" />;
}

function WordField({ isFirst = false, onChange, ...field }: WordProps & { readonly name: string; readonly autoComplete: string }) {
  return (
    <Field
      {...field}
      autoCapitalize="none"
      spellCheck={false}
      required
      // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is all there is on these pages
      autoFocus={isFirst}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

interface PasswordProps {
  readonly label: string;
  /** A new one, of at least so many characters. */
  readonly shortest?: number;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function PasswordField({ label, shortest, value, onChange }: PasswordProps) {
  const isNew = shortest !== undefined;
  return (
    <Field
      label={label}
      name="password"
      type="password"
      autoComplete={isNew ? "new-password" : "current-password"}
      required
      {...(isNew ? { minLength: shortest, hint: t("setup.passwordHint", { count: shortest }) } : {})}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

//! Makes a link that shows one item, collection or gallery to people without an account.

import { type FormEvent, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import styles from "./library-form.module.css";
import { problemText } from "./states";

const CreateShareLink = graphql(`mutation CreateShareLink($input: CreateShareLinkInput!) { createShareLink(input: $input) { url shareLink { id name } } }`);

interface ShareDialogProps {
  readonly title: string;
  /** What it shows. */
  readonly target: { readonly mediaId: string } | { readonly collectionId: string };
  readonly onClose: () => void;
}

const shortestPassword = 8;

export function ShareDialog({ title, target, onClose }: ShareDialogProps) {
  const client = useClient();
  const [draft, setDraft] = useState({ name: title.slice(0, 100), password: "", until: "" });
  const [url, setUrl] = useState<string | null>(null);
  const [error, setError] = useState<CombinedError | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const input = {
      ...target,
      name: draft.name.trim(),
      ...(draft.password === "" ? {} : { password: draft.password }),
      // Until the end of that day, where the reader is.
      ...(draft.until === "" ? {} : { expiresAt: new Date(`${draft.until}T23:59:59`).toISOString() }),
    };
    const result = await client.mutation(CreateShareLink, { input }).toPromise();
    setError(result.error ?? null);
    setUrl(result.data?.createShareLink.url ?? null);
  };
  return (
    <Dialog title={t("share.new")} closeLabel={t("dialog.close")} onClose={onClose}>
      {url !== null ? (
        <div className={styles.form}>
          <p>{t("share.copy")}</p>
          <Field label={t("share.link")} readOnly value={new URL(url, location.origin).href} onFocus={(event) => event.currentTarget.select()} data-autofocus="" />
        </div>
      ) : (
        <form className={styles.form} onSubmit={(event) => void submit(event)}>
          <p>{t("share.note")}</p>
          <Field label={t("settings.tokenName")} name="share" required maxLength={100} value={draft.name} onChange={(event) => setDraft({ ...draft, name: event.target.value })} />
          <Field
            label={t("share.password")}
            hint={t("setup.passwordHint", { count: shortestPassword })}
            name="share-password"
            type="password"
            autoComplete="new-password"
            minLength={shortestPassword}
            value={draft.password}
            onChange={(event) => setDraft({ ...draft, password: event.target.value })}
          />
          <Field label={t("share.expires")} name="until" type="date" value={draft.until} onChange={(event) => setDraft({ ...draft, until: event.target.value })} />
          {error !== null && <Notice tone="bad">{problemText(error)}</Notice>}
          <Button type="submit" look="primary">
            {t("share.make")}
          </Button>
        </form>
      )}
    </Dialog>
  );
}

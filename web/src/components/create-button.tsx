//! Makes something that has a name: a button for who may edit, and a dialog that asks for the name.

import { type FormEvent, useState } from "react";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field } from "@/ui/field";
import { PlusIcon } from "@/ui/icons";
import { Notice } from "@/ui/notice";
import styles from "./create-button.module.css";

interface CreateButtonProps {
  readonly title: string;
  /** Makes one of this name; answers with what went wrong, if anything. */
  readonly onCreate: (name: string) => Promise<string | null>;
}

export function CreateButton({ title, onCreate }: CreateButtonProps) {
  const canEdit = useCanEdit();
  const [isOpen, setIsOpen] = useState(false);
  if (!canEdit) return null;
  return (
    <>
      <Button icon={<PlusIcon />} onClick={() => setIsOpen(true)}>
        {title}
      </Button>
      {isOpen && (
        <Dialog title={title} closeLabel={t("dialog.close")} onClose={() => setIsOpen(false)}>
          <NameForm onCreate={onCreate} onDone={() => setIsOpen(false)} />
        </Dialog>
      )}
    </>
  );
}

function NameForm({ onCreate, onDone }: { readonly onCreate: CreateButtonProps["onCreate"]; readonly onDone: () => void }) {
  const [name, setName] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsBusy(true);
    const problem = await onCreate(name.trim());
    setIsBusy(false);
    setError(problem);
    if (problem === null) onDone();
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <Field label={t("organize.name")} name="name" required maxLength={200} data-autofocus="" value={name} onChange={(event) => setName(event.target.value)} />
      {error !== null && <Notice tone="bad">{error}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {t("edit.save")}
      </Button>
    </form>
  );
}

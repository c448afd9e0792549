//! The keyboard map, as the handlers read it.

import "@/lib/page-messages";
import { actionLabel, actionsOf, keysOf, type Scope, scopes } from "@/lib/keys";
import { t } from "@/lib/messages";
import { Dialog } from "@/ui/dialog";
import { KeyCap } from "@/ui/key-cap";
import styles from "./key-help.module.css";

export function KeyHelp({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title={t("keys.title")} closeLabel={t("dialog.close")} onClose={onClose} size="wide">
      <div className={styles.columns}>
        {scopes.map((scope) => (
          <section key={scope} aria-label={t(`keys.${scope}`)}>
            <h3 className={styles.scope}>{t(`keys.${scope}`)}</h3>
            <dl className={styles.list}>
              {entriesOf(scope).map(({ label, keys }) => (
                <div key={label} className={styles.entry}>
                  <dt>{label}</dt>
                  <dd>
                    {keys.map((key) => (
                      <KeyCap key={key} name={key} />
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}

/** One entry a label: the digits have one together. */
function entriesOf(scope: Scope): readonly { readonly label: string; readonly keys: readonly string[] }[] {
  const entries = new Map<string, string[]>();
  for (const action of actionsOf(scope)) {
    const key = actionLabel(scope, action);
    if (key === null) continue;
    const shown = keysOf(scope, action).filter((name) => !name.startsWith("Meta+"));
    entries.set(t(key), [...(entries.get(t(key)) ?? []), ...shown]);
  }
  return [...entries].map(([label, keys]) => ({ label, keys: keys.length > 2 ? [keys[0] ?? "", "…", keys.at(-1) ?? ""] : keys }));
}

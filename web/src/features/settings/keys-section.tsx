//! The keys, and others in their place: pressed, not typed, and never two meanings for one.

import { type KeyboardEvent, useState } from "react";
import { type Clash, clashOf, isChoosable, isWhole, withKey } from "@/lib/key-choice";
import { type Action, actionLabel, actionsOf, chosenKeys, keepKeys, keyName, keysOf, keyText, type Scope, scopes } from "@/lib/keys";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { KeyCap } from "@/ui/key-cap";
import { Notice } from "@/ui/notice";
import styles from "./settings-page.module.css";

/** An action whose new key is awaited, and what is in its way. */
interface Asking {
  readonly name: string;
  readonly key: string | null;
  readonly clash: Clash | null;
}

export function KeysSection() {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [chosen, setChosen] = useState(chosenKeys);
  const keep = (next: Readonly<Record<string, readonly string[]>>) => {
    keepKeys(next);
    setChosen(next);
    setAsking(null);
  };
  return (
    <section className={styles.section} aria-label={t("keys.choose")}>
      <h2>{t("keys.choose")}</h2>
      <p className={styles.note}>{t("keys.chooseHint")}</p>
      {scopes.map((scope) => (
        <details key={scope} className={styles.keys}>
          <summary>{t(`keys.${scope}`)}</summary>
          <ul>
            {actionsOf(scope)
              .filter(isChoosable)
              .map((action) => (
                <KeyRow key={action} scope={scope} action={action} isChosen={`${scope}.${action}` in chosen} asking={asking} onAsk={setAsking} onKeep={keep} />
              ))}
          </ul>
        </details>
      ))}
      {Object.keys(chosen).length > 0 && <Button onClick={() => keep({})}>{t("keys.backAll")}</Button>}
    </section>
  );
}

interface KeyRowProps<S extends Scope> {
  readonly scope: S;
  readonly action: Action<S>;
  readonly isChosen: boolean;
  readonly asking: Asking | null;
  readonly onAsk: (asking: Asking | null) => void;
  readonly onKeep: (chosen: Readonly<Record<string, readonly string[]>>) => void;
}

function KeyRow<S extends Scope>({ scope, action, isChosen, asking, onAsk, onKeep }: KeyRowProps<S>) {
  const name = `${scope}.${action}`;
  const label = actionLabel(scope, action);
  const text = label === null ? action : t(label);
  const own = asking?.name === name ? asking : null;
  const onKey = (event: KeyboardEvent) => {
    if (own === null || event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    const key = keyName(event);
    if (key === "Escape") return onAsk(null);
    if (!isWhole(key)) return;
    const clash = clashOf(scope, action, key);
    if (clash === null) onKeep(withKey(chosenKeys(), scope, action, key));
    else onAsk({ name, key, clash });
  };
  const keys = keysOf(scope, action).filter((key) => !key.startsWith("Meta+"));
  const usual = () => {
    const { [name]: _dropped, ...rest } = chosenKeys();
    onKeep(rest);
  };
  return (
    <li className={styles.key}>
      <span className={styles.keyName}>{text}</span>
      <span>{keys.length === 0 ? <span className={styles.note}>{t("keys.none")}</span> : keys.map((key) => <KeyCap key={key} name={key} />)}</span>
      <Button
        aria-label={own === null ? t("keys.changeOf", { name: text }) : `${t("keys.press")}: ${text}`}
        aria-pressed={own !== null}
        onKeyDown={onKey}
        onBlur={() => own !== null && own.clash === null && onAsk(null)}
        onClick={() => onAsk(own === null ? { name, key: null, clash: null } : null)}
      >
        {own === null ? t("keys.change") : t("keys.press")}
      </Button>
      {isChosen && (
        <Button look="quiet" aria-label={t("keys.backOf", { name: text })} onClick={usual}>
          {t("keys.back")}
        </Button>
      )}
      {own?.clash && own.key !== null && (
        <Notice tone="warn">
          {own.clash.kind === "reserved"
            ? t("keys.reserved", { key: keyText(own.key) })
            : t("keys.taken", { key: keyText(own.key), name: own.clash.label === null ? own.clash.action : t(own.clash.label) })}{" "}
          {own.clash.kind === "taken" && isChoosable(own.clash.action) && (
            <Button onClick={() => own.key !== null && onKeep(withKey(chosenKeys(), scope, action, own.key))}>{t("keys.takeAnyway")}</Button>
          )}
        </Notice>
      )}
    </li>
  );
}

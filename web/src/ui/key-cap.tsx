//! A key as it is on the keyboard.

import { keyText } from "@/lib/keys";
import styles from "./key-cap.module.css";

export function KeyCap({ name }: { readonly name: string }) {
  return <kbd className={styles.key}>{keyText(name)}</kbd>;
}

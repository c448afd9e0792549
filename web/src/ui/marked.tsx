//! A text with the words of a search marked.

import { highlight } from "@/lib/highlight";
import styles from "./marked.module.css";

export function Marked({ text, words }: { readonly text: string; readonly words: string }) {
  return highlight(text, words).map((part, index) =>
    part.isMatch ? (
      // oxlint-disable-next-line react/no-array-index-key -- a part is its place in the text
      <mark key={index} className={styles.mark}>
        {part.text}
      </mark>
    ) : (
      part.text
    ),
  );
}

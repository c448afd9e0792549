//! A text with the words of a search marked.

import { highlight, type Part } from "@/lib/highlight";
import styles from "./marked.module.css";

export function Marked({ text, words }: { readonly text: string; readonly words: string }) {
  return <Pieces pieces={highlight(text, words)} />;
}

/** The same of a text whose parts are known. */
export function Pieces({ pieces }: { readonly pieces: readonly Part[] }) {
  return pieces.map((part, index) =>
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

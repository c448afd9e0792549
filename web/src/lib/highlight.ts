//! Which parts of a text match the words of a search, for marking them. Pure.

/** A part of a text, marked or not. */
export interface Part {
  readonly text: string;
  readonly isMatch: boolean;
}

/** Splits a text where any of the words begins a word in it, without regard to case and accents. */
export function highlight(text: string, search: string): readonly Part[] {
  const words = search
    .split(/[\s"]+/)
    .filter((word) => word.length > 0 && !word.startsWith("-"))
    .map(fold)
    .toSorted((left, right) => right.length - left.length);
  const folded = fold(text);
  // Folding that changes the length would mark the wrong letters.
  if (words.length === 0 || folded.length !== text.length) return [{ text, isMatch: false }];
  const parts: Part[] = [];
  let plain = 0;
  let at = 0;
  while (at < text.length) {
    const isStart = at === 0 || !/[\p{L}\p{N}]/u.test(folded[at - 1] ?? "");
    const start = at;
    const word = isStart ? words.find((candidate) => folded.startsWith(candidate, start)) : undefined;
    if (word === undefined) {
      at += 1;
      continue;
    }
    if (at > plain) parts.push({ text: text.slice(plain, at), isMatch: false });
    parts.push({ text: text.slice(at, at + word.length), isMatch: true });
    at += word.length;
    plain = at;
  }
  if (plain < text.length) parts.push({ text: text.slice(plain), isMatch: false });
  return parts;
}

function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

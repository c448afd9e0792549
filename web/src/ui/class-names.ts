//! Joins class names, leaving out the absent ones.

/** `"a b"` from `["a", false, "b"]`. */
export function classNames(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}

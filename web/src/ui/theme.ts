//! The chosen theme: kept in this browser, applied as an attribute that tokens.css reads. public/start.js applies it before first paint.

/** `system` follows the device. */
export const themes = ["system", "dark", "light"] as const;
export type Theme = (typeof themes)[number];

const key = "vitagraph.theme";

/** The stored choice, or `system` where storage is empty or forbidden. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return themes.find((theme) => theme === stored) ?? "system";
  } catch {
    return "system";
  }
}

/** Applies and keeps a choice. */
export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Without storage the choice lasts until the next load, which is the best there is.
  }
}

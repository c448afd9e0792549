//! The keyboard map: no collisions, no key of the browser's, and names as events have them.

import { describe, expect, it } from "vitest";
import englishPages from "../locales/en-pages.json";
import { actionFor, actionLabel, actionsOf, keyName, keysOf, keyText, reservedKeys, scopes } from "./keys";

const press = (key: string, held: readonly string[] = []) => ({
  key,
  ctrlKey: held.includes("ctrl"),
  metaKey: held.includes("meta"),
  altKey: held.includes("alt"),
  shiftKey: held.includes("shift"),
});

describe("the keyboard map", () => {
  it.each(scopes)("has each key once in %s", (scope) => {
    const keys = actionsOf(scope).flatMap((action) => keysOf(scope, action));
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });
  it("leaves the browser's keys alone", () => {
    const keys: string[] = scopes.flatMap((scope) => actionsOf(scope).flatMap((action) => keysOf(scope, action)));
    expect(keys.filter((key) => reservedKeys.includes(key))).toEqual([]);
  });
  it("explains every action", () => {
    for (const scope of scopes) for (const action of actionsOf(scope)) expect(englishPages).toHaveProperty([actionLabel(scope, action) ?? action]);
  });
});

describe("keyName", () => {
  it.each([
    [press("?", ["shift"]), "?"],
    [press("P", ["ctrl", "shift"]), "Ctrl+Shift+P"],
    [press("F"), "f"],
    [press("<", ["shift"]), "<"],
    [press("ArrowLeft", ["shift"]), "Shift+ArrowLeft"],
    [press("a", ["ctrl"]), "Ctrl+a"],
  ])("%j is %s", (event, name) => expect(keyName(event)).toBe(name));
  it("is shown as it is on the cap", () => {
    expect(["Ctrl+z", "m", " ", "Shift+ArrowLeft", "<", "Escape"].map(keyText)).toEqual(["Ctrl+Z", "M", "␣", "Shift+Left", "<", "Escape"]);
  });
  it("finds the action", () => {
    expect(actionFor("player", press("k"))).toBe("play");
    expect(actionFor("player", press("k", ["ctrl"]))).toBeNull();
    expect(actionFor("grid", press("A", ["ctrl"]))).toBe("selectAll");
  });
});

//! Chosen keys: what is in the way is told, and taking a key takes it from the other.

import { afterEach, describe, expect, it } from "vitest";
import { clashOf, isChoosable, isWhole, withKey } from "./key-choice";
import { actionFor, keepKeys, keysOf } from "./keys";

const press = (key: string) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false });

afterEach(() => keepKeys({}));

describe("choosing keys", () => {
  it("tells what is in the way", () => {
    expect(clashOf("player", "mute", "c")).toMatchObject({ kind: "taken", scope: "player", action: "captions" });
    expect(clashOf("player", "mute", "?")).toMatchObject({ kind: "taken", scope: "global", action: "help" });
    expect(clashOf("global", "help", "m")).toMatchObject({ kind: "taken", scope: "player", action: "mute" });
    expect(clashOf("player", "mute", "Ctrl+w")).toEqual({ kind: "reserved" });
    // The same key may mean something else where the other scope does not reach.
    expect(clashOf("grid", "favorite", "c")).toBeNull();
    expect(clashOf("player", "mute", "m")).toBeNull();
  });
  it("takes a key from whoever had it", () => {
    keepKeys(withKey({}, "player", "mute", "c"));
    expect(actionFor("player", press("c"))).toBe("mute");
    expect(actionFor("player", press("m"))).toBeNull();
    expect(keysOf("player", "captions")).toEqual([]);
    keepKeys(withKey({ "player.mute": ["c"], "player.captions": [] }, "player", "play", "k"));
    expect(actionFor("player", press(" "))).toBeNull();
  });
  it("waits for more than a modifier, and leaves digits alone", () => {
    expect(["Shift", "Ctrl+Control", "Alt+Alt"].map(isWhole)).toEqual([false, false, false]);
    expect([isWhole("q"), isWhole("Ctrl+Shift+Y")]).toEqual([true, true]);
    expect([isChoosable("rate3"), isChoosable("percent0"), isChoosable("mute")]).toEqual([false, false, true]);
  });
});

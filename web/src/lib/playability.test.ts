//! What a browser can show by itself.

import { describe, expect, it } from "vitest";
import { extension, fileName, isShowableImage, isTilePicture } from "./playability";

describe("names", () => {
  it.each([
    ["a/b/film.MKV", "film.MKV", "mkv"],
    ["odd name.tar.gz", "odd name.tar.gz", "gz"],
    [".hidden", ".hidden", ""],
    ["no-extension", "no-extension", ""],
    ["dir.with.dots/file", "file", ""],
  ])("%s", (path, name, ending) => {
    expect(fileName(path)).toBe(name);
    expect(extension(path)).toBe(ending);
  });
});

describe("pictures", () => {
  const file = (path: string, size: number) => ({ path, size, container: null });
  it("shows what every browser decodes", () => {
    expect(isShowableImage(file("a.JPG", 1))).toBe(true);
    expect(isShowableImage(file("a.tiff", 1))).toBe(false);
    expect(isShowableImage(file("a.svg", 1))).toBe(false);
  });
  it("loads no huge original as a tile", () => {
    expect(isTilePicture(file("a.jpg", 900_000))).toBe(true);
    expect(isTilePicture(file("a.jpg", 20_000_000))).toBe(false);
  });
});

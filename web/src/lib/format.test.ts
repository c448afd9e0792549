//! Numbers as people read them.

import { describe, expect, it } from "vitest";
import {
  formatAgo,
  formatBitRate,
  formatBytes,
  formatDateTime,
  formatDuration,
  formatFrameRate,
  formatResolution,
} from "./format";

/** Intl puts no-break and narrow spaces between figures and units; which ones is not ours to test. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("formatDuration", () => {
  it.each([
    [0, "0:00"],
    [7.4, "0:07"],
    [59.6, "1:00"],
    [728, "12:08"],
    [6000, "1:40:00"],
    [3599.7, "1:00:00"],
    [null, ""],
    [undefined, ""],
    [Number.NaN, ""],
    [-1, ""],
  ])("%s seconds read %j", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe("formatBytes", () => {
  it.each([
    [0, "0 byte"],
    [482, "482 byte"],
    [1000, "1 kB"],
    [1_449_000, "1.4 MB"],
    [999_999, "1,000 kB"],
    [123_456_789, "123 MB"],
    [3.2e12, "3.2 TB"],
    [5e18, "5,000 PB"],
    [null, ""],
  ])("%s bytes read %j", (bytes, text) => expect(plain(formatBytes(bytes, "en"))).toBe(text));

  it("follows the locale", () => expect(plain(formatBytes(1_449_000, "de"))).toBe("1,4 MB"));
});

describe("media facts", () => {
  it("reads exact frame rates", () => {
    expect(formatFrameRate("30000/1001", "en")).toBe("29.97 fps");
    expect(formatFrameRate(25, "en")).toBe("25 fps");
    expect(formatFrameRate("0/0", "en")).toBe("");
  });

  it("names bit rates and resolutions", () => {
    expect(formatBitRate(4_800_000, "en")).toBe("4.8 Mbit/s");
    expect(formatBitRate(96_000, "en")).toBe("96 kbit/s");
    expect(formatBitRate(null, "en")).toBe("");
    expect(formatResolution(3840, 2160)).toBe("4K");
    expect(formatResolution(1080, 1920)).toBe("1080p");
    expect(formatResolution(320, 240)).toBe("320 × 240");
    expect(formatResolution(null, 240)).toBe("");
  });
});

describe("times", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");

  it.each([
    ["2026-11-21T11:59:40Z", "now"],
    ["2026-11-21T11:57:00Z", "3 minutes ago"],
    ["2026-11-20T11:00:00Z", "yesterday"],
    ["not a time", ""],
    [null, ""],
  ])("%s is %j", (time, text) => expect(formatAgo(time, now, "en")).toBe(text));

  it("shows old times as dates", () => expect(formatAgo("2026-01-05T12:00:00Z", now, "en-US")).toBe("Jan 5, 2026"));
  it("shows nothing for an unreadable time", () => expect(formatDateTime("soon", "en")).toBe(""));
});

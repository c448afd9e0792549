//! Peaks of sounds.

import { describe, expect, it } from "vitest";
import { parsePeaks, peaksPath } from "./waveform";

function file(samples: readonly number[], options: { version?: number; channels?: number; length?: number } = {}) {
  const bytes = new ArrayBuffer(24 + samples.length);
  const view = new DataView(bytes);
  const channels = options.channels ?? 1;
  view.setInt32(0, options.version ?? 2, true);
  view.setUint32(4, 1, true);
  view.setUint32(16, options.length ?? samples.length / 2 / channels, true);
  view.setInt32(20, channels, true);
  for (const [index, sample] of samples.entries()) view.setInt8(24 + index, sample);
  return bytes;
}

describe("parsePeaks", () => {
  it("takes the loudest of each part", () => {
    expect([...(parsePeaks(file([-64, 32, 0, 0, -1, 1, -128, 5]), 2) ?? [])]).toEqual([0.5, 1]);
  });
  it("mixes channels", () => expect([...(parsePeaks(file([0, 0, -64, 64, 0, 0, 0, 0], { channels: 2 }), 2) ?? [])]).toEqual([0.5, 0]));
  it("believes the bytes, not the header", () => expect([...(parsePeaks(file([-64, 64], { length: 4_000_000_000 }), 1) ?? [])]).toEqual([0.5]));
  it.each([new ArrayBuffer(0), new ArrayBuffer(24), file([1, 2], { version: 1 }), file([1, 2], { channels: -1 }), file([])])("is nothing for other bytes", (bytes) =>
    expect(parsePeaks(bytes, 10)).toBeNull(),
  );
});

it("draws both sides", () => expect(peaksPath(Float32Array.of(0.5, 1))).toBe("M0 0.500L1 0.000L1 2.000L0 1.500Z"));

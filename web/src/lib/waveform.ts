//! Reads peaks in the binary form of audiowaveform, version 2 (https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md).

const headerBytes = 24;

/** The loudest point of each of `columns` equal parts, from 0 to 1; null when the bytes are something else. */
export function parsePeaks(bytes: ArrayBuffer, columns: number): Float32Array | null {
  if (bytes.byteLength < headerBytes || columns < 1) return null;
  const view = new DataView(bytes);
  if (view.getInt32(0, true) !== 2) return null;
  const is8Bit = (view.getUint32(4, true) & 1) === 1;
  const channels = view.getInt32(20, true);
  const width = is8Bit ? 1 : 2;
  // What was cut off on the way is silence.
  const length = Math.min(view.getUint32(16, true), Math.floor((bytes.byteLength - headerBytes) / Math.max(1, 2 * channels * width)));
  if (channels < 1 || length === 0) return null;
  const peaks = new Float32Array(columns);
  const top = is8Bit ? 128 : 32_768;
  for (let pixel = 0; pixel < length; pixel += 1) {
    const column = Math.floor((pixel * columns) / length);
    for (let value = 0; value < 2 * channels; value += 1) {
      const at = headerBytes + (pixel * 2 * channels + value) * width;
      const sample = Math.abs(is8Bit ? view.getInt8(at) : view.getInt16(at, true)) / top;
      if (sample > (peaks[column] ?? 0)) peaks[column] = sample;
    }
  }
  return peaks;
}

/** The outline of peaks as an SVG path in a box `columns` wide and 2 high. */
export function peaksPath(peaks: Float32Array): string {
  const upper = [...peaks].map((peak, column) => `${column} ${(1 - peak).toFixed(3)}`);
  const lower = [...peaks].map((peak, column) => `${column} ${(1 + peak).toFixed(3)}`).toReversed();
  return `M${[...upper, ...lower].join("L")}Z`;
}

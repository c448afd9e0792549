//! Numbers as people read them: durations, sizes, rates and dates. Pure; the locale is an argument so that tests are exact.

/** The language the page is shown in; `setLocale` of messages.ts keeps the document's language in step with it. */
export type Locale = string;

/** `0:07`, `12:08`, `1:40:00`; an empty string when the length is unknown. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds) || seconds < 0) return "";
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const byteUnits = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

/** `482 byte`, `1.4 MB`, `3.2 TB`, in steps of 1000 as file managers and disk makers count. */
export function formatBytes(bytes: number | null | undefined, locale: Locale): string {
  if (bytes == null || !Number.isFinite(bytes) || bytes < 0) return "";
  const step = bytes < 1000 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: byteUnits[step] ?? "byte",
    unitDisplay: "short",
    maximumFractionDigits: step === 0 || value >= 100 ? 0 : 1,
  }).format(value);
}

/** `48,210`. */
export function formatCount(count: number, locale: Locale): string {
  let format = plainNumbers.get(locale);
  if (format === undefined) plainNumbers.set(locale, (format = new Intl.NumberFormat(locale)));
  return format.format(count);
}

/** Making one costs the browser more than a hundred uses. */
const plainNumbers = new Map<Locale, Intl.NumberFormat>();

/** `4.8 Mbit/s`; an empty string when unknown. */
export function formatBitRate(bitsPerSecond: number | null | undefined, locale: Locale): string {
  if (bitsPerSecond == null || !Number.isFinite(bitsPerSecond) || bitsPerSecond <= 0) return "";
  const mega = bitsPerSecond >= 1_000_000;
  const value = bitsPerSecond / (mega ? 1_000_000 : 1000);
  const digits = new Intl.NumberFormat(locale, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
  return `${digits} ${mega ? "Mbit/s" : "kbit/s"}`;
}

/** Frames per second from a number or from an exact ratio such as `30000/1001`. */
export function formatFrameRate(rate: number | string | null | undefined, locale: Locale): string {
  if (rate == null) return "";
  const [over, under = "1"] = String(rate).split("/");
  const value = Number(over) / Number(under);
  if (!Number.isFinite(value) || value <= 0) return "";
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(value)} fps`;
}

/** `Nov 21, 2026, 2:53 AM`; an empty string for an absent or unreadable time. */
export function formatDateTime(time: string | null | undefined, locale: Locale): string {
  const date = time == null ? null : new Date(time);
  if (date === null || Number.isNaN(date.getTime())) return "";
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

const relativeSteps = [
  { unit: "day", ms: 86_400_000 },
  { unit: "hour", ms: 3_600_000 },
  { unit: "minute", ms: 60_000 },
] as const;

/** "3 minutes ago", and the date itself from a month on. */
export function formatAgo(time: string | null | undefined, now: number, locale: Locale): string {
  const at = time == null ? Number.NaN : Date.parse(time);
  if (Number.isNaN(at)) return "";
  const age = now - at;
  if (Math.abs(age) > 30 * 86_400_000) return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(at);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const { unit, ms } of relativeSteps) {
    if (Math.abs(age) >= ms) return format.format(-Math.round(age / ms), unit);
  }
  return format.format(0, "second");
}

/** The name people know a picture height by: `4K`, `1080p`; `320 × 240` stays the reader's own figure below 480 lines. */
export function formatResolution(width: number | null | undefined, height: number | null | undefined): string {
  if (!width || !height) return "";
  const lines = Math.min(width, height);
  if (lines >= 2160) return lines >= 4320 ? "8K" : "4K";
  for (const known of [1440, 1080, 720, 480]) if (lines >= known) return `${known}p`;
  return `${width} × ${height}`;
}

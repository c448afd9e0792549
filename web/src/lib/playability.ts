//! What a browser can show by itself, decided from a file's facts before anything is requested.

/** The part of a file that matters here. */
export interface FileFacts {
  readonly path: string;
  readonly container: string | null;
  readonly size: number;
}

// By extension, since every browser decides an image's type by its bytes and these are the ones all of them decode.
const imageExtensions = new Set(["jpg", "jpeg", "png", "gif", "webp", "avif", "bmp"]);

/** The file name without its folders. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The lowercase extension without its dot, or an empty string. */
export function extension(path: string): string {
  const name = fileName(path);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Whether an `img` element can show the original. */
export function isShowableImage(file: FileFacts): boolean {
  return imageExtensions.has(extension(file.path));
}

/** The largest original worth loading as a tile while the server has no thumbnail for it. */
const tileLimit = 1_500_000;

/** Whether the original itself may stand in for a missing thumbnail. */
export function isTilePicture(file: FileFacts): boolean {
  return isShowableImage(file) && file.size <= tileLimit;
}

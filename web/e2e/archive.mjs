//! Archives of pictures for tests: ZIP with entries as they are, after PKWARE's APPNOTE 4.3.

import { readFileSync, writeFileSync } from "node:fs";

const table = Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** Writes an archive of files under other names. */
export function writeArchive(path, entries) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, file] of entries) {
    const bytes = readFileSync(file);
    const local = head(0x04034b50, name, bytes, []);
    // The name's length begins the fields that a local header and the directory share no more.
    directory.push(head(0x02014b50, name, bytes, [0, 0, 0, 0, 0, offset & 0xffff, offset >>> 16]));
    parts.push(local, bytes);
    offset += local.length + bytes.length;
  }
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  writeFileSync(path, Buffer.concat([...parts, ...directory, end]));
}

/** A local header, or with its further fields an entry of the directory. */
function head(signature, name, bytes, further) {
  const text = Buffer.from(name);
  const isEntry = further.length > 0;
  const shorts = [...(isEntry ? [20] : []), 20, 0x0800, 0, 0, 0x5a21];
  const fixed = Buffer.alloc(4 + shorts.length * 2 + 12 + 4 + further.length * 2);
  fixed.writeUInt32LE(signature, 0);
  let at = 4;
  for (const short of shorts) at = fixed.writeUInt16LE(short, at);
  for (const long of [checksum(bytes), bytes.length, bytes.length]) at = fixed.writeUInt32LE(long, at);
  for (const short of [text.length, 0, ...further]) at = fixed.writeUInt16LE(short, at);
  return Buffer.concat([fixed, text]);
}

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ table[(value ^ byte) & 0xff];
  return (value ^ 0xffffffff) >>> 0;
}

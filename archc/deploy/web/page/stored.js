/**
 * Picture files without what says how they should be turned.
 *
 * Browsers turn a picture by its EXIF data, whatever `createImageBitmap` is told; archc takes the
 * pixels as they are stored. So the EXIF data is left out before the browser sees the file: the
 * segment of a JPEG (JEITA CP-3451), the chunk of a PNG (`eXIf`) or of a WebP.
 */

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];
const EXIF_SEGMENT = 0xe1;
const SCAN = 0xda;
const EXIF_FLAG = 0x08;

/** The file, as a Blob; another kind of picture is left as it is. */
export async function asStored(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (startsWith(bytes, JPEG)) return join(bytes, jpegParts(bytes));
  if (startsWith(bytes, PNG)) return join(bytes, pngParts(bytes));
  if (text(bytes, 0) === "RIFF" && text(bytes, 8) === "WEBP") return hideInWebp(bytes);
  return file;
}

function* jpegParts(bytes) {
  let at = 2;
  yield [0, at];
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== SCAN) {
    const isPadding = bytes[at + 1] === 0xff;
    const end = isPadding ? at + 1 : at + 2 + number(bytes, at + 2, 2);
    const isExif = bytes[at + 1] === EXIF_SEGMENT && text(bytes, at + 4) === "Exif";
    if (!isExif) yield [at, end];
    at = end;
  }
  yield [at, bytes.length];
}

function* pngParts(bytes) {
  let at = PNG.length;
  yield [0, at];
  while (at + 12 <= bytes.length) {
    const end = at + 12 + number(bytes, at, 4);
    if (text(bytes, at + 4) !== "eXIf") yield [at, end];
    at = end;
  }
  yield [at, bytes.length];
}

/** The chunk gets a name that nobody knows, since the file counts its bytes. */
function hideInWebp(bytes) {
  const result = bytes.slice();
  let at = 12;
  while (at + 8 <= bytes.length) {
    const size = new DataView(bytes.buffer).getUint32(at + 4, true);
    if (text(bytes, at) === "VP8X") result[at + 8] &= ~EXIF_FLAG;
    if (text(bytes, at) === "EXIF") result.set([0x58, 0x58, 0x58, 0x58], at);
    at += 8 + size + (size % 2);
  }
  return new Blob([result]);
}

function join(bytes, parts) {
  return new Blob(Array.from(parts, ([start, end]) => bytes.subarray(start, end)));
}

function startsWith(bytes, magic) {
  return magic.every((byte, index) => bytes[index] === byte);
}

function text(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function number(bytes, at, count) {
  return bytes.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);
}

/**
 * Arrays of an `.npz` file: a zip with one `.npy` member an array (NumPy, `numpy.lib.format`).
 */

const DTYPES = {
  "|u1": Uint8Array,
  "|i1": Int8Array,
  "<i4": Int32Array,
  "<f4": Float32Array,
  "<f8": Float64Array,
};
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/** The arrays by name, each {shape, data}. */
export async function readNpz(buffer) {
  const view = new DataView(buffer);
  const arrays = {};
  for (const member of members(view)) {
    const bytes = await unpack(buffer, view, member);
    arrays[member.name.replace(/\.npy$/, "")] = readNpy(bytes);
  }
  return arrays;
}

function* members(view) {
  let end = view.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("the file of answers is no zip file");
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== CENTRAL) throw new Error("the file of answers is damaged");
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
    yield {
      name,
      method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true),
      start: view.getUint32(at + 42, true),
    };
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
}

async function unpack(buffer, view, { method, packed, start }) {
  const first = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  const bytes = buffer.slice(first, first + packed);
  if (method === 0) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

function readNpy(buffer) {
  const view = new DataView(buffer);
  const isFirstVersion = view.getUint8(6) === 1;
  const start = isFirstVersion ? 10 : 12;
  const length = isFirstVersion ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder().decode(new Uint8Array(buffer, start, length));
  const dtype = DTYPES[/'descr': '([^']+)'/.exec(header)?.[1]];
  if (dtype === undefined || !header.includes("'fortran_order': False")) {
    throw new Error(`an array of answers has a form that is not read: ${header.trim()}`);
  }
  const sizes = /'shape': \(([^)]*)\)/.exec(header)[1];
  const shape = sizes.split(",").map((size) => size.trim()).filter(Boolean).map(Number);
  return { shape, data: new dtype(buffer.slice(start + length)) };
}

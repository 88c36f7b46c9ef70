/**
 * Encoded pictures to pixels, as archc in Python reads them: as the file stores them, without its
 * orientation and colour profile, and with transparency left out rather than blended.
 */

import { checkSize } from "./preprocess.js";
import { asStored } from "./stored.js";

const STRIP_PIXELS = 4_000_000;
const PLAIN = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** The picture of a file, or of a frame that is decoded already, with three channels. */
export async function decode(source) {
  const bitmap = source instanceof Blob ? await open(source) : source;
  try {
    checkSize(bitmap.height, bitmap.width);
    return (await throughCanvas(bitmap)) ?? (await throughTexture(bitmap));
  } finally {
    bitmap.close();
  }
}

async function open(file) {
  try {
    return await createImageBitmap(await asStored(file), PLAIN);
  } catch {
    throw new Error("this is no picture that the browser can decode");
  }
}

/** Null where a pixel is transparent: a canvas multiplies colours with their opacity, and rounds. */
async function throughCanvas(bitmap) {
  const { width, height } = bitmap;
  const rows = rowsOfStrip(width, height);
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  const data = new Uint8ClampedArray(width * height * 3);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const strip = context.getImageData(0, 0, width, count).data;
    if (!copyColors(strip, data, top * width, true)) return null;
  }
  return { width, height, channels: 3, data };
}

/** Textures keep colours and opacity apart. */
async function throughTexture(bitmap) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(1, 1);
  const gl = canvas.getContext("webgl");
  if (gl === null || width > gl.getParameter(gl.MAX_TEXTURE_SIZE)) {
    throw new Error("the picture is transparent, and this browser blends it: save it without");
  }
  const rows = Math.min(rowsOfStrip(width, height), gl.getParameter(gl.MAX_TEXTURE_SIZE));
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  const data = new Uint8ClampedArray(width * height * 3);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const part = await createImageBitmap(bitmap, 0, top, width, count, { premultiplyAlpha: "none" });
    copyColors(readTexture(gl, part), data, top * width, false);
    part.close();
  }
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return { width, height, channels: 3, data };
}

function readTexture(gl, bitmap) {
  const { width, height } = bitmap;
  const pixels = new Uint8Array(width * height * 4);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.framebufferTexture2D(
    gl.FRAMEBUFFER,
    gl.COLOR_ATTACHMENT0,
    gl.TEXTURE_2D,
    gl.getParameter(gl.TEXTURE_BINDING_2D),
    0,
  );
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  return pixels;
}

/** False where a pixel is transparent and none may be. */
function copyColors(strip, data, firstPixel, isOpaque) {
  let to = firstPixel * 3;
  for (let from = 0; from < strip.length; from += 4) {
    if (isOpaque && strip[from + 3] !== 255) return false;
    data[to] = strip[from];
    data[to + 1] = strip[from + 1];
    data[to + 2] = strip[from + 2];
    to += 3;
  }
  return true;
}

function rowsOfStrip(width, height) {
  return Math.min(height, Math.max(1, Math.floor(STRIP_PIXELS / width)));
}

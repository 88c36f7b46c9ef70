/**
 * Pictures to tensors by the steps of a spec's `preprocess`: colour, resize, crop, normalise.
 *
 * Sizes and rounding are those of archc in Python, which follows torchvision's transforms. A
 * picture is {width, height, channels, data}: bytes in rows, the channels of a pixel together.
 */

import { resize, roundToEven } from "./resample.js";

/** Pixels of the largest picture that is handled. */
export const MAX_PIXELS = 100_000_000;

/** The pixels after colour, resize and crop. */
export function toPixels(picture, steps) {
  let pixels = steps.color === "gray" ? toGray(picture) : picture;
  if (steps.resize !== null) {
    const [height, width] = resizedSize(pixels, steps.resize);
    checkSize(height, width);
    pixels = resize(pixels, height, width, steps);
  }
  if (steps.crop !== null) pixels = crop(pixels, ...pair(steps.crop));
  return steps.color === "bgr" ? swapColors(pixels) : pixels;
}

/** Throws where a picture would be too large. */
export function checkSize(height, width) {
  if (height * width <= MAX_PIXELS) return;
  throw new Error(`the picture has ${height} × ${width} pixels, and at most ${MAX_PIXELS} are handled`);
}

/** The [height, width] that resizing leads to; a number is the shorter side's new length. */
export function resizedSize({ height, width }, wanted) {
  if (typeof wanted !== "number") return wanted;
  const longer = Math.trunc((wanted * Math.max(height, width)) / Math.min(height, width));
  return width <= height ? [longer, wanted] : [wanted, longer];
}

/** What a network takes: bytes as they are, or (x · scale − mean) / std as 32-bit floats. */
export function toTensor(pixels, { dtype, layout }, steps) {
  const values = dtype === "uint8" ? pixels.data : normalised(pixels, steps);
  const arranged = layout === "nhwc" ? values : channelsFirst(values, pixels.channels);
  return dtype === "uint8" ? new Uint8Array(arranged) : arranged;
}

function toGray({ height, width, data }) {
  const gray = new Uint8ClampedArray(height * width);
  for (let i = 0; i < gray.length; i += 1) {
    // ITU-R 601's luma in 16 binary places, as Pillow computes it.
    gray[i] = (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return { height, width, channels: 1, data: gray };
}

function crop({ height, width, channels, data }, toHeight, toWidth) {
  const top = cropStart(height, toHeight);
  const left = cropStart(width, toWidth);
  const result = new Uint8ClampedArray(toHeight * toWidth * channels);
  const from = Math.max(left, 0);
  const to = Math.min(left + toWidth, width);
  for (let y = Math.max(top, 0); y < Math.min(top + toHeight, height); y += 1) {
    const row = data.subarray((y * width + from) * channels, (y * width + to) * channels);
    result.set(row, ((y - top) * toWidth + from - left) * channels);
  }
  return { height: toHeight, width: toWidth, channels, data: result };
}

/** Rounds to even where it cuts, down where it pads. */
function cropStart(length, wanted) {
  return length >= wanted ? roundToEven((length - wanted) / 2) : -Math.floor((wanted - length) / 2);
}

function swapColors(pixels) {
  const data = pixels.data.slice();
  for (let i = 0; i < data.length; i += 3) {
    data[i] = pixels.data[i + 2];
    data[i + 2] = pixels.data[i];
  }
  return { ...pixels, data };
}

function normalised({ channels, data }, { scale, mean, std }) {
  const result = new Float32Array(data.length);
  for (let c = 0; c < channels; c += 1) {
    const shift = typeof mean === "number" ? mean : mean[c];
    const divisor = typeof std === "number" ? std : std[c];
    const table = Float32Array.from({ length: 256 }, (_, x) => (x * scale - shift) / divisor);
    for (let i = c; i < data.length; i += channels) result[i] = table[data[i]];
  }
  return result;
}

function channelsFirst(values, channels) {
  const count = values.length / channels;
  const result = new values.constructor(values.length);
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < count; i += 1) result[c * count + i] = values[i * channels + c];
  }
  return result;
}

function pair(size) {
  return typeof size === "number" ? [size, size] : size;
}

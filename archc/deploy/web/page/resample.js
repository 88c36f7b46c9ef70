/**
 * Resizing of 8-bit pictures, equal bit by bit to what archc does in Python.
 *
 * With antialiasing that is Pillow's own resampling: a pass along the rows and one along the
 * columns, each a sum of pixels times whole numbers of 22 binary places, rounded and cut to a byte.
 * Rounding makes their order matter, which is not the same in all releases of Pillow. Nearest
 * neighbours walk over the picture by adding up the step, as Pillow does. Without antialiasing,
 * output i of m over n inputs lies at (i + 1/2)·n/m − 1/2 and is a mean of two (bilinear) or four
 * (bicubic) inputs.
 *
 * A picture is {width, height, channels, data}: bytes in rows, the channels of a pixel together.
 */

const PLACES = 22;

function triangle(x) {
  const distance = Math.abs(x);
  return distance < 1 ? 1 - distance : 0;
}

/** Keys' cubic of 1981 with a = −1/2. */
function cubic(x) {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

const FILTERS = {
  bilinear: { weight: triangle, reach: 1 },
  bicubic: { weight: cubic, reach: 2 },
};

/** The picture at another size; `pillow` is the release that is followed, as [major, minor]. */
export function resize(picture, height, width, { interpolation, antialias, pillow }) {
  if (height === picture.height && width === picture.width) return picture;
  if (interpolation === "nearest") return nearest(picture, height, width);
  if (!antialias) return pointwise(picture, height, width, interpolation === "bicubic");
  const filter = FILTERS[interpolation];
  const passes = [(it) => toWidth(it, width, filter), (it) => toHeight(it, height, filter)];
  if (isHeightFirst(picture, height, width, pillow)) passes.reverse();
  return passes.reduce((result, pass) => pass(result), picture);
}

/** Pillow's choice: 12.2 and 12.3 by the picture's own form, 13 by the pixels that each side loses. */
function isHeightFirst(picture, height, width, [major, minor]) {
  if (major >= 13) {
    const lost = picture.height - height;
    return lost > 0 && lost > (picture.width - width) * 2;
  }
  const knowsTall = major === 12 && minor >= 2;
  return knowsTall && picture.height > picture.width * 100 && height < picture.height;
}

function toWidth(picture, width, filter) {
  return width === picture.width ? picture : alongRows(picture, taps(picture.width, width, filter), width);
}

function toHeight(picture, height, filter) {
  return height === picture.height
    ? picture
    : alongColumns(picture, taps(picture.height, height, filter), height);
}

/** For each output: its first input, how many inputs it takes, and their whole-number weights. */
function taps(from, to, { weight, reach }) {
  const step = from / to;
  const stretch = Math.max(step, 1);
  const support = reach * stretch;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * most);
  const exact = new Float64Array(most);
  const shrink = 1 / stretch;
  for (let i = 0; i < to; i += 1) {
    const center = (i + 0.5) * step;
    const low = Math.max(Math.trunc(center - support + 0.5), 0);
    const high = Math.min(Math.trunc(center + support + 0.5), from);
    let total = 0;
    for (let k = 0; k < high - low; k += 1) {
      exact[k] = weight((k + low - center + 0.5) * shrink);
      total += exact[k];
    }
    for (let k = 0; k < high - low; k += 1) {
      const share = total === 0 ? exact[k] : exact[k] / total;
      weights[i * most + k] = Math.trunc(share * (1 << PLACES) + (share < 0 ? -0.5 : 0.5));
    }
    first[i] = low;
    count[i] = high - low;
  }
  return { first, count, weights, most };
}

function alongRows({ height, width, channels, data }, { first, count, weights, most }, to) {
  const result = new Uint8ClampedArray(height * to * channels);
  let out = 0;
  for (let y = 0; y < height; y += 1) {
    const row = y * width * channels;
    for (let x = 0; x < to; x += 1) {
      const start = row + first[x] * channels;
      for (let c = 0; c < channels; c += 1) {
        let sum = 1 << (PLACES - 1);
        let at = start + c;
        for (let k = x * most; k < x * most + count[x]; k += 1) {
          sum += data[at] * weights[k];
          at += channels;
        }
        result[out] = sum >> PLACES;
        out += 1;
      }
    }
  }
  return { height, width: to, channels, data: result };
}

function alongColumns({ width, channels, data }, { first, count, weights, most }, to) {
  const stride = width * channels;
  const result = new Uint8ClampedArray(to * stride);
  const sums = new Float64Array(stride);
  for (let y = 0; y < to; y += 1) {
    sums.fill(1 << (PLACES - 1));
    for (let k = 0; k < count[y]; k += 1) {
      const row = (first[y] + k) * stride;
      const weight = weights[y * most + k];
      for (let x = 0; x < stride; x += 1) sums[x] += data[row + x] * weight;
    }
    for (let x = 0; x < stride; x += 1) result[y * stride + x] = sums[x] >> PLACES;
  }
  return { height: to, width, channels, data: result };
}

function nearest({ height, width, channels, data }, newHeight, newWidth) {
  const rows = walk(height, newHeight);
  const columns = walk(width, newWidth);
  const result = new Uint8ClampedArray(newHeight * newWidth * channels);
  let out = 0;
  for (const y of rows) {
    for (const x of columns) {
      if (y < height && x < width) {
        const at = (y * width + x) * channels;
        for (let c = 0; c < channels; c += 1) result[out + c] = data[at + c];
      }
      out += channels;
    }
  }
  return { height: newHeight, width: newWidth, channels, data: result };
}

/** The input of each output; the sum of many steps can end a little beyond the last one. */
function walk(from, to) {
  const step = from / to;
  const places = new Int32Array(to);
  let at = step * 0.5;
  for (let i = 0; i < to; i += 1) {
    places[i] = Math.trunc(at);
    at += step;
  }
  return places;
}

function pointwise({ height, width, channels, data }, newHeight, newWidth, isCubic) {
  const rows = means(data, 1, height, width * channels, newHeight, isCubic);
  const both = means(rows, newHeight, width, channels, newWidth, isCubic);
  const result = new Uint8ClampedArray(both.length);
  for (let i = 0; i < both.length; i += 1) result[i] = roundToEven(both[i]);
  return { height: newHeight, width: newWidth, channels, data: result };
}

/** Weighted means along the middle axis of (outer, from, inner). */
function means(values, outer, from, inner, to, isCubic) {
  const result = new Float64Array(outer * to * inner);
  const step = from / to;
  for (let i = 0; i < to; i += 1) {
    const x = (i + 0.5) * step - 0.5;
    const left = Math.floor(x);
    for (const [offset, weight] of isCubic ? fourWeights(x - left) : twoWeights(x - left)) {
      const place = Math.min(Math.max(left + offset, 0), from - 1);
      for (let o = 0; o < outer; o += 1) {
        const read = (o * from + place) * inner;
        const write = (o * to + i) * inner;
        for (let k = 0; k < inner; k += 1) result[write + k] += values[read + k] * weight;
      }
    }
  }
  return result;
}

function twoWeights(t) {
  return [
    [0, 1 - t],
    [1, t],
  ];
}

/** Keys' cubic with a = −3/4, as torch interpolates. */
function fourWeights(t) {
  const a = -0.75;
  const near = (x) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x) => ((x - 5) * x + 8) * x * a - 4 * a;
  return [
    [-1, far(1 + t)],
    [0, near(t)],
    [1, near(1 - t)],
    [2, far(2 - t)],
  ];
}

export function roundToEven(x) {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

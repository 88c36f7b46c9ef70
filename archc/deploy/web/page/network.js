/**
 * The network: fetches the runtime and the model, and runs one picture after the other.
 *
 * `network.json` says where they lie, what the network takes and what it gives.
 */

import { decode } from "./decode.js";
import { toPixels, toTensor } from "./preprocess.js";

const DESCRIPTION = "network.json";

/** Threads need memory that is shared, which browsers give to isolated pages alone. */
export function threadCount(wanted) {
  if (!self.crossOriginIsolated) return 1;
  return Math.min(wanted ?? 4, navigator.hardwareConcurrency || 1);
}

/** The network, ready to run; `progress` is told the bytes that are here and those that will be. */
export async function loadNetwork(wantedThreads, progress) {
  const network = await (await get(DESCRIPTION)).json();
  const { model, runtime } = network;
  const stop = new AbortController();
  const total = model.bytes + runtime.wasm.bytes;
  const loaded = { model: 0, wasm: 0 };
  const told = (part) => (bytes) => {
    loaded[part] = bytes;
    if (!stop.signal.aborted) progress(Math.min(loaded.model + loaded.wasm, total), total);
  };
  const parts = [
    importRuntime(runtime.script, stop.signal),
    download(runtime.wasm, stop.signal, told("wasm")),
    download(model, stop.signal, told("model")),
  ];
  const [ort, wasm, bytes] = await Promise.all(parts).catch((error) => {
    stop.abort();
    throw error;
  });
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threadCount(wantedThreads);
  ort.env.wasm.wasmBinary = wasm.buffer;
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const ready = { ...network, ort, session, threads: ort.env.wasm.numThreads };
  await warmUp(ready);
  return ready;
}

/** Runs once, since the first run takes longer; a network of any size is not known to take zeros. */
async function warmUp(network) {
  const { dtype, shape } = network.input;
  if (shape.includes(-1)) return;
  const length = shape.reduce((a, b) => a * b, 1);
  const data = dtype === "uint8" ? new Uint8Array(length) : new Float32Array(length);
  await runInput(network, { shape: [1, ...shape], data });
}

/** The outputs for a picture, the pixels that the network saw, and the milliseconds it took. */
export async function runPicture(network, source) {
  const start = performance.now();
  const picture = await decode(source);
  const pixels = toPixels(picture, network.preprocess);
  const tensor = inputTensor(network, pixels);
  const ready = performance.now();
  const outputs = await runTensor(network, tensor);
  const done = performance.now();
  return {
    outputs,
    input: { shape: tensor.dims, data: tensor.data },
    seen: toRgba(pixels, network.preprocess.color),
    size: [picture.width, picture.height],
    times: { prepare: ready - start, run: done - ready },
  };
}

/** The outputs for an input that is known already, {shape, data} with the batch. */
export function runInput(network, { shape, data }) {
  return runTensor(network, new network.ort.Tensor(network.input.dtype, data, shape));
}

async function runTensor(network, tensor) {
  const results = await network.session.run({ [network.input.name]: tensor });
  const outputs = {};
  for (const { name } of network.outputs) {
    outputs[name] = { shape: results[name].dims, data: results[name].data };
  }
  return outputs;
}

function inputTensor(network, pixels) {
  const { dtype, layout, shape } = network.input;
  const { height, width, channels } = pixels;
  const dims = layout === "nhwc" ? [1, height, width, channels] : [1, channels, height, width];
  const wanted = shape.slice(-3);
  if (dims.slice(1).some((size, axis) => wanted[axis] !== -1 && wanted[axis] !== size)) {
    throw new Error(`the picture comes out as ${height} × ${width}, which the network does not take`);
  }
  return new network.ort.Tensor(dtype, toTensor(pixels, network.input, network.preprocess), dims);
}

function toRgba({ width, height, channels, data }, color) {
  const result = new Uint8ClampedArray(width * height * 4).fill(255);
  const order = { rgb: [0, 1, 2], bgr: [2, 1, 0], gray: [0, 0, 0] }[color];
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) result[4 * i + c] = data[channels * i + order[c]];
  }
  return { width, height, data: result };
}

/** A script from elsewhere runs only after its digest was compared. */
async function importRuntime({ url, integrity }, signal) {
  if (!integrity) return import(new URL(url, import.meta.url).href);
  const code = await (await get(url, { integrity, signal })).blob();
  return import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}

async function download({ url, bytes, integrity }, signal, progress) {
  const response = await get(url, { integrity, signal });
  const parts = [];
  let length = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    length += part.value.length;
    progress(length);
  }
  if (length !== bytes) throw new Error(`\`${url}\` has ${length} bytes instead of ${bytes}`);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function get(url, { integrity, signal } = {}) {
  const options = integrity ? { signal, integrity, mode: "cors", credentials: "omit" } : { signal };
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error(`\`${url}\` cannot be fetched, or is not what it should be`);
  }
  if (!response.ok) throw new Error(`\`${url}\` cannot be fetched: the server says ${response.status}`);
  return response;
}

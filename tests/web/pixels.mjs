// Answers one line of JSON with another: a picture and its steps with the pixels that they lead to.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { toPixels, toTensor } = await import(pathToFileURL(process.argv[2]).href);

for await (const line of createInterface({ input: process.stdin })) {
  const { width, height, data, steps, input } = JSON.parse(line);
  const bytes = new Uint8ClampedArray(Buffer.from(data, "base64"));
  const pixels = toPixels({ width, height, channels: 3, data: bytes }, steps);
  const tensor = toTensor(pixels, input, steps);
  const answer = {
    shape: [pixels.height, pixels.width, pixels.channels],
    data: Buffer.from(tensor.buffer, tensor.byteOffset, tensor.byteLength).toString("base64"),
  };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

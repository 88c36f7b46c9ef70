/**
 * The page's own proof: the package's golden samples, compared with the answers that were known
 * when the package was written.
 *
 * Each picture goes through all of the page, and the input that is known for it through the network
 * alone. Where only the former differs, this browser decodes that kind of picture in another way.
 */

import { readNpz } from "./npz.js";

const MANIFEST = "archc-package.json";
const VERDICTS = {
  equal: "This page gives the answers that were known when it was written.",
  decoded: "The network gives the known answers, but this browser decodes some pictures in its own way.",
  different: "This page does not give the answers that were known when it was written.",
};

/** The manifest, or null where the page was put up without it. */
export async function readManifest() {
  try {
    const response = await fetch(MANIFEST);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** What became of each golden picture, and whether all is as it was known. */
export async function checkGolden(client, network) {
  const manifest = await readManifest();
  if (manifest === null || !manifest.pictures?.length) {
    throw new Error("The package has no golden pictures.");
  }
  const { golden, tolerance } = manifest.versions.at(-1);
  const known = await readNpz(await (await fetch(golden)).arrayBuffer());
  const rows = known[network.input.name].shape[0];
  const pictures = [];
  for (const [row, path] of manifest.pictures.slice(0, rows).entries()) {
    pictures.push(await checkPicture(client, network, path, rowsOf(known, row)));
  }
  return {
    verdict: verdictOf(pictures, tolerance),
    tolerance,
    threads: network.threads,
    isolated: network.isolated,
    runtime: network.runtime.version,
    pictures,
  };
}

async function checkPicture(client, network, path, known) {
  const input = known[network.input.name];
  const answer = await client.runPicture(await (await fetch(path)).blob());
  const outputs = await client.runInput(input);
  return {
    path,
    input: compare(answer.input.data, input.data),
    answers: valuesOf(answer.outputs),
    fromPicture: compareAll(answer.outputs, known),
    fromInput: compareAll(outputs, known),
  };
}

function verdictOf(pictures, tolerance) {
  const areClose = (compared) =>
    compared.length > 0 && compared.every(({ relative }) => relative <= tolerance);
  if (!pictures.every(({ fromInput }) => areClose(Object.values(fromInput)))) return "different";
  const isEqual = ({ input, fromPicture }) => input.differing === 0 && areClose(Object.values(fromPicture));
  return pictures.every(isEqual) ? "equal" : "decoded";
}

function valuesOf(outputs) {
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data, Number)]));
}

function compareAll(outputs, known) {
  const names = Object.keys(outputs).filter((name) => name in known);
  return Object.fromEntries(names.map((name) => [name, compare(outputs[name].data, known[name].data)]));
}

function compare(found, wanted) {
  if (found.length !== wanted.length) return { differing: wanted.length, apart: Infinity, relative: Infinity };
  let [differing, apart, largest] = [0, 0, 0];
  for (let i = 0; i < wanted.length; i += 1) {
    const difference = Math.abs(Number(found[i]) - Number(wanted[i]));
    apart = Math.max(apart, difference);
    if (difference !== 0) differing += 1;
    largest = Math.max(largest, Math.abs(Number(wanted[i])));
  }
  return { differing, apart, relative: apart === 0 ? 0 : apart / largest };
}

/** One row of each array, with a batch of one. */
function rowsOf(arrays, row) {
  const rows = Object.entries(arrays).map(([name, { shape, data }]) => {
    const length = data.length / shape[0];
    return [name, { shape: [1, ...shape.slice(1)], data: data.slice(row * length, (row + 1) * length) }];
  });
  return Object.fromEntries(rows);
}

/** Draws the result into the section of the page. */
export function drawCheck(section, { verdict, pictures }) {
  section.querySelector("#verdict").textContent = VERDICTS[verdict];
  section.querySelector("#verdict").className = verdict === "equal" ? "equal" : "differs";
  const body = section.querySelector("tbody");
  body.replaceChildren();
  for (const { path, input, fromPicture, fromInput } of pictures) {
    for (const name of Object.keys(fromInput)) {
      const row = body.insertRow();
      const texts = [
        path,
        input.differing === 0 ? "equal" : `${input.differing} values differ, by ${input.apart} at most`,
        name,
        fromPicture[name].relative.toExponential(1),
        fromInput[name].relative.toExponential(1),
      ];
      for (const text of texts) row.insertCell().textContent = text;
    }
  }
}

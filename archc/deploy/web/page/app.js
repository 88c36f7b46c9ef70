/**
 * The page: pictures that are chosen, dropped or pasted, or the camera; their answers as bars.
 *
 * `?golden` runs the package's golden samples as well, leaves the result in `window.archcResult`
 * and posts it to `?report=PATH`; `?threads=N` asks for another number of threads.
 */

import { asPercent, drawBars, ranked } from "./bars.js";
import { Camera, hasCamera } from "./camera.js";
import { NetworkClient } from "./client.js";
import { checkGolden, drawCheck, readManifest } from "./golden.js";

const TELL_AGAIN_MS = 2000;
const SMALL = 96;

const asked = new URLSearchParams(location.search);
const $ = (id) => document.getElementById(id);
const client = new NetworkClient(showProgress);
const camera = new Camera($("video"));
const told = { text: "", at: -Infinity };
let network;
let latest = 0;

function showProgress(loaded, total) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  $("progress").value = loaded / total;
  showStatus(`Loading the network: ${megabytes(loaded)} of ${megabytes(total)} MB`);
}

function showStatus(text, isBad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", isBad);
}

/** Tells screen readers, who are not to be told every frame. */
function tell(text, isLive) {
  const now = performance.now();
  if (isLive && (text === told.text || now - told.at < TELL_AGAIN_MS)) return;
  Object.assign(told, { text, at: now });
  $("told").textContent = text;
}

function showFailure(error) {
  const text = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
  showStatus(text, true);
  tell(text, false);
  drawBars($("bars"), []);
  $("details").hidden = true;
}

function showAnswer(answer, isLive) {
  const classes = ranked(answer.outputs, network.shown, network.labels);
  showStatus("");
  drawBars($("bars"), classes);
  tell(`${classes[0].name}, ${asPercent(classes[0].share)}`, isLive);
  showSeen(answer.seen);
  showFacts(answer);
  $("details").hidden = false;
}

function showSeen({ width, height, data }) {
  const canvas = $("seen");
  Object.assign(canvas, { width, height });
  markSmall(canvas, width);
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

/** Small pictures are shown pixel by pixel. */
function markSmall(element, width) {
  element.classList.toggle("small", width < SMALL);
}

function showFacts({ size, times }) {
  const facts = {
    Picture: size.join(" × "),
    Preparation: `${times.prepare.toFixed(1)} ms`,
    Network: `${times.run.toFixed(1)} ms`,
  };
  const parts = Object.entries(facts).flatMap(([term, text]) => [
    Object.assign(document.createElement("dt"), { textContent: term }),
    Object.assign(document.createElement("dd"), { textContent: text }),
  ]);
  $("facts").replaceChildren(...parts);
}

function showPicture(file) {
  URL.revokeObjectURL($("shown").src);
  $("shown").src = URL.createObjectURL(file);
  $("shown").decode().then(() => markSmall($("shown"), $("shown").naturalWidth), () => {});
  $("shown").alt = file.name ? `The picture ${file.name}` : "The picture";
  showOnStage("shown");
}

function showOnStage(id) {
  for (const other of ["invitation", "shown", "video"]) $(other).hidden = other !== id;
  $("stage").classList.toggle("filled", id !== "invitation");
}

/** Answers a picture; where another one came meanwhile, its answer alone is shown. */
async function classify(file) {
  if (network === undefined) return;
  stopCamera();
  latest += 1;
  const mine = latest;
  showPicture(file);
  showStatus("Looking …");
  try {
    const answer = await client.runPicture(file);
    if (mine === latest) showAnswer(answer, false);
  } catch (error) {
    if (mine === latest) showFailure(error);
  }
}

async function startCamera() {
  latest += 1;
  $("camera").disabled = true;
  try {
    await camera.start(async (frame, isWanted) => {
      const answer = await client.runPicture(frame);
      if (isWanted()) showAnswer(answer, true);
    }, cameraEnded);
    $("camera").textContent = "Stop camera";
    showOnStage("video");
    showStatus("Looking …");
  } catch (error) {
    cameraEnded(error);
  }
  $("camera").disabled = false;
}

function cameraEnded(reason) {
  stopCamera();
  if (reason instanceof Error) showFailure(reason);
}

function stopCamera() {
  camera.stop();
  if (!$("video").hidden) showOnStage("invitation");
  $("camera").textContent = "Use camera";
}

function pictureIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}

function listen() {
  $("choose").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) classify(file);
    $("file").value = "";
  });
  $("camera").addEventListener("click", () => (camera.isOn ? stopCamera() : startCamera()));
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  document.addEventListener("drop", (event) => {
    $("stage").classList.remove("over");
    take(event, event.dataTransfer);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("stage").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) $("stage").classList.remove("over");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && camera.isOn) stopCamera();
  });
}

function take(event, transfer) {
  if (!transfer?.files.length) return;
  event.preventDefault();
  const file = pictureIn(transfer);
  if (file) classify(file);
  else showFailure(new Error("this is no picture that the browser can decode"));
}

/** The golden pictures, as pictures to try. */
async function showExamples() {
  const manifest = await readManifest();
  for (const [index, path] of (manifest?.pictures ?? []).slice(0, 6).entries()) {
    const button = document.createElement("button");
    button.type = "button";
    const picture = Object.assign(document.createElement("img"), { src: path, alt: `Example ${index + 1}` });
    picture.addEventListener("load", () => markSmall(picture, picture.naturalWidth));
    button.append(picture);
    button.addEventListener("click", async () => classify(await (await fetch(path)).blob()));
    const item = document.createElement("li");
    item.append(button);
    $("examples").lastElementChild.append(item);
    $("examples").hidden = false;
  }
}

async function check() {
  $("check").hidden = false;
  let result;
  try {
    result = await checkGolden(client, network);
    drawCheck($("check"), result);
  } catch (error) {
    result = { verdict: "different", error: error.message };
    $("verdict").textContent = error.message;
    $("verdict").className = "differs";
  }
  await report(result);
}

/** Without credentials, since whoever wrote the link chose where this goes on the page's server. */
async function report(result) {
  try {
    if (asked.has("report")) {
      const body = JSON.stringify(result);
      await fetch(asked.get("report"), { method: "POST", credentials: "omit", body });
    }
  } finally {
    window.archcResult = result;
  }
}

async function start() {
  listen();
  try {
    network = await client.load(Number(asked.get("threads")) || null);
  } catch (error) {
    showFailure(error);
    if (asked.has("golden")) await report({ verdict: "different", error: error.message });
    return;
  } finally {
    $("progress").hidden = true;
  }
  const threads = network.threads === 1 ? "one thread" : `${network.threads} threads`;
  $("runtime").textContent = `ONNX Runtime Web ${network.runtime.version}, ${threads}`;
  showStatus("Ready for a picture.");
  $("choose").disabled = false;
  $("camera").disabled = !hasCamera;
  if (!hasCamera) $("camera").title = "The camera needs HTTPS";
  await showExamples();
  if (asked.has("golden")) await check();
}

await start();

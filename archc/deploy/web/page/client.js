/** Asks the worker, one promise a question. */

export class NetworkClient {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #count = 0;
  #progress;

  constructor(progress) {
    this.#progress = progress;
    this.#worker.addEventListener("message", ({ data }) => this.#receive(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      const message = event.message || "the worker cannot be started";
      for (const { reject } of this.#waiting.values()) reject(new Error(message));
      this.#waiting.clear();
    });
  }

  /** What `network.json` says, and the threads that run it. */
  load(threads) {
    return this.#ask("load", { threads });
  }

  /** The answer to a file, or to a frame, which is handed over. */
  runPicture(source) {
    return this.#ask("picture", { source }, source instanceof Blob ? [] : [source]);
  }

  /** The outputs for an input, {shape, data}. */
  runInput(input) {
    return this.#ask("input", { input });
  }

  #ask(kind, request, transfer = []) {
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, kind, ...request }, transfer);
    });
  }

  #receive({ kind, id, value, message, loaded, total }) {
    if (kind === "progress") {
      this.#progress(loaded, total);
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (kind === "answer") resolve(value);
    else reject(new Error(message));
  }
}

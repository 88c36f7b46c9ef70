/** The thread on which the network runs, so that the page answers meanwhile. */

import { loadNetwork, runInput, runPicture } from "./network.js";

let network;

const answers = {
  async load({ threads }) {
    network = await loadNetwork(threads, (loaded, total) => {
      self.postMessage({ kind: "progress", loaded, total });
    });
    const { ort, session, ...description } = network;
    return { ...description, isolated: self.crossOriginIsolated };
  },
  picture: ({ source }) => runPicture(network, source),
  input: ({ input }) => runInput(network, input),
};

self.addEventListener("message", async ({ data: { id, kind, ...request } }) => {
  try {
    self.postMessage({ kind: "answer", id, value: await answers[kind](request) });
  } catch (error) {
    self.postMessage({ kind: "failure", id, message: error?.message ?? String(error) });
  }
});

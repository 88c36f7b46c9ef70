/** The camera: one frame after the other, each when the last one is answered. */

const WISHES = {
  video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } },
  audio: false,
};

const REASONS = {
  NotAllowedError: "the camera may not be used: allow it in the browser's settings for this page",
  NotFoundError: "no camera was found",
  NotReadableError: "the camera is in use by another program",
};

/** Whether pages may ask for a camera here; browsers want HTTPS, or this machine's own address. */
export const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);

export class Camera {
  #video;
  #stream = null;

  constructor(video) {
    this.#video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Shows what the camera sees, and hands frames to `answer` until it is stopped. */
  async start(answer, stopped) {
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia(WISHES);
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `the camera cannot be used: ${error.message}`);
    }
    this.stop();
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", stopped);
    this.#video.srcObject = stream;
    await this.#video.play();
    this.#follow(stream, answer, stopped);
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }

  async #follow(stream, answer, stopped) {
    while (this.#stream === stream) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (this.#stream !== stream) return;
      if (this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      try {
        await answer(await createImageBitmap(this.#video), () => this.#stream === stream);
      } catch (error) {
        if (this.#stream === stream) stopped(error);
        return;
      }
    }
  }
}

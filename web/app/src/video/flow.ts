/** `waiting` for a first frame, `flowing`, or `paused`: there were frames, and then none for a while. */
export type Flow = "waiting" | "flowing" | "paused";

/** Milliseconds without a frame after which a picture counts as paused. A screen on which nothing moves sends hardly any. */
export const patience = { camera: 2_500, screen: 10_000 };

/** Tells from the number of frames that were drawn whether a picture flows. */
export class FrameWatch {
  readonly #patience: number;
  #frames = 0;
  #since: number | undefined;

  constructor(patience: number) {
    this.#patience = patience;
  }

  /** `frames` drawn so far; `now` in milliseconds, of any clock that goes forward. */
  read(frames: number, now: number): Flow {
    if (frames !== this.#frames) {
      this.#frames = frames;
      this.#since = now;
      // The element counts from the beginning again when its track is exchanged.
      return frames > 0 ? "flowing" : "waiting";
    }
    if (frames === 0) return "waiting";
    this.#since ??= now;
    return now - this.#since > this.#patience ? "paused" : "flowing";
  }

  /** Nobody looked: a hidden page draws nothing, which says nothing about the line. */
  skip(): void {
    this.#since = undefined;
  }
}

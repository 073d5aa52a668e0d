/** Milliseconds without a movement until the controls fade. */
const after = 3_500;

/** Whether nothing has been moved, touched or pressed for a while, so that what lies over a picture may fade. */
export class Stillness {
  still = $state(false);
  readonly #held: () => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** While `held` says so, nothing fades: something is open, or the keyboard is among the controls. */
  constructor(held: () => boolean = () => false) {
    this.#held = held;
  }

  stir(): void {
    this.still = false;
    this.#wait();
  }

  /** A tap on the picture itself brings the controls, or sends them away. */
  tap(): void {
    if (this.still || this.#held()) return this.stir();
    clearTimeout(this.#timer);
    this.still = true;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.still = false;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#held()) this.#wait();
      else this.still = true;
    }, after);
  }
}

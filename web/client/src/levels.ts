/**
 * Loudness for eyes: from the linear audio level of webrtc-stats (1 is 0 dBov) to what a ring on a tile should show.
 */

/** dBov; below it nothing shows, above LOUDEST it is full. Speech with automatic gain lies between -35 and -15. */
const SOFTEST = -60;
const LOUDEST = -12;
/** Milliseconds to get two thirds of the way up and down: quick to rise, calm to fall. */
const ATTACK = 40;
const RELEASE = 180;

/** Linear 0..1 to dBov; -127 (RFC 6464: silence) at the lowest. */
export function toDecibels(audioLevel: number): number {
  return audioLevel > 0 ? Math.max(-127, Math.min(0, 20 * Math.log10(audioLevel))) : -127;
}

/** dBov to 0..1, even steps to the ear. */
export function toLoudness(decibels: number): number {
  return Math.max(0, Math.min(1, (decibels - SOFTEST) / (LOUDEST - SOFTEST)));
}

/** Smooths a level over time, however often it is asked. */
export class LevelFollower {
  #value = 0;
  #at: number | undefined;

  /** Moves towards `target` (0..1) by the time passed since the last call; `now` in milliseconds. */
  follow(target: number, now: number): number {
    const elapsed = this.#at === undefined ? Infinity : Math.max(0, now - this.#at);
    this.#at = now;
    const time = target > this.#value ? ATTACK : RELEASE;
    this.#value += (target - this.#value) * (1 - Math.exp(-elapsed / time));
    if (this.#value < 0.005) this.#value = 0;
    return this.#value;
  }
}

/** dBov to begin speaking, and to go on. */
const BEGIN = -45;
const GO_ON = -52;
/** Milliseconds over which pauses between words do not end it. */
const HANG = 500;

/** Whether someone is speaking, for people: no flicker between words. */
export class SpeakingDetector {
  #speaking = false;
  #heardAt = -Infinity;

  get speaking(): boolean {
    return this.#speaking;
  }

  /** `now` in milliseconds. */
  observe(decibels: number, now: number): boolean {
    if (decibels > (this.#speaking ? GO_ON : BEGIN)) {
      this.#speaking = true;
      this.#heardAt = now;
    } else if (now - this.#heardAt > HANG) {
      this.#speaking = false;
    }
    return this.#speaking;
  }
}

import { SpeakingDetector } from "./levels.js";
import { CaptureMeter } from "./meter.js";

/** Between two looks whether we speak, in milliseconds. */
const TICK = 100;

/** How loud we are ourselves: the server never sends us our own voice. Hears the microphone while muted too; only `speaking` does not. */
export class OwnVoice {
  readonly #meter = new CaptureMeter(null);
  readonly #detector = new SpeakingDetector();
  readonly #timer: ReturnType<typeof setInterval>;
  #muted = false;

  constructor(speaking: (speaking: boolean) => void) {
    this.#timer = setInterval(() => {
      const before = this.#detector.speaking;
      const now = this.#detector.observe(this.#muted ? -127 : this.#meter.decibels, performance.now());
      if (now !== before) speaking(now);
    }, TICK);
  }

  /** 0..1, muted or not. */
  get level(): number {
    return this.#meter.level;
  }

  get speaking(): boolean {
    return this.#detector.speaking;
  }

  setTrack(track: MediaStreamTrack | null): void {
    this.#meter.setTrack(track);
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
  }

  resume(): Promise<void> {
    return this.#meter.resume();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#meter.close();
  }
}

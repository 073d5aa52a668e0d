import { LevelFollower, toDecibels, toLoudness } from "./levels.js";
import type { LevelMeter } from "./microphone.js";

/**
 * Measures a captured track with an AnalyserNode. For the captured side only: remote sound that goes through Web Audio is lost to
 * Chromium's echo cancellation.
 */
export class CaptureMeter implements LevelMeter {
  readonly #follower = new LevelFollower();
  readonly #samples = new Float32Array(1024); // 21 ms at 48 kHz
  #context: AudioContext | undefined;
  #analyser: AnalyserNode | undefined;
  #node: MediaStreamAudioSourceNode | undefined;
  #closed = false;

  constructor(track: MediaStreamTrack | null) {
    this.setTrack(track);
  }

  get level(): number {
    return this.#follower.follow(toLoudness(this.decibels), performance.now());
  }

  /** dBov over the last 21 ms, not smoothed. */
  get decibels(): number {
    if (!this.#node || !this.#analyser || this.#context?.state !== "running") return -127;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return toDecibels(Math.sqrt(sum / this.#samples.length));
  }

  setTrack(track: MediaStreamTrack | null): void {
    this.#node?.disconnect();
    this.#node = undefined;
    if (!track || track.readyState === "ended" || this.#closed || typeof AudioContext === "undefined") return;
    this.#context ??= newContext();
    this.#analyser ??= new AnalyserNode(this.#context, { fftSize: this.#samples.length });
    this.#node = new MediaStreamAudioSourceNode(this.#context, { mediaStream: new MediaStream([track]) });
    this.#node.connect(this.#analyser);
    void this.resume();
  }

  async resume(): Promise<void> {
    const context = this.#context;
    // Or "interrupted", WebKit's own.
    if (context && context.state !== "running" && context.state !== "closed") await context.resume().catch(() => undefined);
  }

  close(): void {
    this.setTrack(null);
    this.#closed = true;
    void this.#context?.close().catch(() => undefined);
    this.#context = undefined;
  }
}

function newContext(): AudioContext {
  // Nothing is played: no output device need be opened, where the browser lets us say so.
  return new AudioContext({ sinkId: { type: "none" } } as AudioContextOptions);
}

/** Seconds from one ring to the next. */
const every = { incoming: 3, outgoing: 4 };

/** A soft ring, made on the spot, until it is stopped: two rising notes for who is called, one low note for who calls. */
export class Ringtone {
  #context: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  start(kind: "incoming" | "outgoing"): void {
    this.stop();
    this.#ring(kind);
    this.#timer = setInterval(() => this.#ring(kind), every[kind] * 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
    void this.#context?.close().catch(() => {});
    this.#context = undefined;
  }

  #ring(kind: "incoming" | "outgoing"): void {
    // Browsers let a page make no sound before it was touched, and say so in the console.
    if (!navigator.userActivation?.hasBeenActive) return;
    const context = (this.#context ??= new AudioContext());
    if (context.state === "suspended") void context.resume().catch(() => {});
    const at = context.currentTime + 0.03;
    if (kind === "outgoing") return swell(context, 440, at, 1, 0.03);
    for (const [i, frequency] of [587.33, 880, 587.33, 880].entries()) swell(context, frequency, at + i * 0.32, 0.7, 0.07);
  }
}

function swell(context: AudioContext, frequency: number, at: number, length: number, loudness: number): void {
  const tone = new OscillatorNode(context, { frequency });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.06);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
  tone.connect(gain).connect(context.destination);
  tone.start(at);
  tone.stop(at + length + 0.05);
}

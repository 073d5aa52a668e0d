/** Two soft notes when people come and go, made on the spot. They are not part of the conversation's sound. */
export class Chimes {
  #context: AudioContext | undefined;
  #last = -Infinity;

  joined(): void {
    this.#play([523.25, 783.99]);
  }

  left(): void {
    this.#play([659.25, 440]);
  }

  whisper(): void {
    this.#play([880, 987.77]);
  }

  close(): void {
    void this.#context?.close().catch(() => {});
    this.#context = undefined;
  }

  #play(notes: number[]): void {
    // Browsers let a page make no sound before it was touched, and say so in the console.
    if (!navigator.userActivation?.hasBeenActive) return;
    const now = performance.now();
    // A crowd that comes in together is one chime.
    if (now - this.#last < 700) return;
    this.#last = now;
    this.#context ??= new AudioContext();
    const context = this.#context;
    if (context.state === "suspended") void context.resume().catch(() => {});
    notes.forEach((frequency, i) => note(context, frequency, context.currentTime + 0.02 + i * 0.11));
  }
}

function note(context: AudioContext, frequency: number, at: number): void {
  const tone = context.createOscillator();
  const gain = context.createGain();
  tone.type = "sine";
  tone.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.05, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.45);
  tone.connect(gain).connect(context.destination);
  tone.start(at);
  tone.stop(at + 0.5);
}

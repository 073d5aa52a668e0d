/** After the server has answered, its own notice of the change may still be on its way. */
const SETTLE = 300;

export interface MuteHandlers {
  send: (muted: boolean) => Promise<unknown>;
  /** `muted` has changed, before the server knows or because it said so. */
  changed: (muted: boolean) => void;
}

/**
 * Whether we are muted. What the person does counts at once and is told to the server one change at a time; what the server says
 * (a host muted us) counts when nothing of ours is under way. The server can mute us, but never open our microphone.
 */
export class Mute {
  readonly #handlers: MuteHandlers;
  #muted: boolean;
  #atServer: boolean;
  #sending: Promise<void> | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(muted: boolean, atServer: boolean, handlers: MuteHandlers) {
    this.#muted = muted;
    this.#atServer = atServer;
    this.#handlers = handlers;
    this.#reconcile();
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Resolves when the server has it; rejects when it refused, and then we are muted. */
  set(muted: boolean): Promise<void> {
    if (muted !== this.#muted) {
      this.#muted = muted;
      this.#handlers.changed(muted);
    }
    return this.#tell();
  }

  /** What the server's roster says of us. */
  heard(muted: boolean): void {
    this.#atServer = muted;
    if (!this.#sending && this.#settling === undefined) this.#reconcile();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#settling);
  }

  #tell(): Promise<void> {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
      clearTimeout(this.#settling);
      if (this.#closed) return;
      this.#settling = setTimeout(() => {
        this.#settling = undefined;
        this.#reconcile();
      }, SETTLE);
    });
    return this.#sending;
  }

  async #send(): Promise<void> {
    for (let told: boolean | undefined; told !== this.#muted; ) {
      told = this.#muted;
      try {
        await this.#handlers.send(told);
        this.#atServer = told;
      } catch (error) {
        if (told !== this.#muted) continue;
        if (!told) this.#adopt();
        throw error;
      }
    }
  }

  #reconcile(): void {
    if (this.#atServer === this.#muted) return;
    if (this.#atServer) this.#adopt();
    else this.#tell().catch(() => undefined); // the next notice from the server tries again
  }

  #adopt(): void {
    this.#muted = true;
    this.#handlers.changed(true);
  }
}

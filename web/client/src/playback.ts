/** How the person wants to hear things; outlives any one connection. */
export interface Listening {
  deafened: boolean;
  /** The speaker's device id; empty for the system's. */
  speaker: string;
}

/**
 * Plays one connection's slots, each in an `<audio>` element of its own. Never by Web Audio: Chromium's echo cancellation does not
 * know of sound that is played there.
 */
export class Playback {
  readonly #elements = new Map<string, HTMLAudioElement>();
  readonly #listening: Listening;
  readonly #blockedChanged: () => void;
  readonly #volumes = new Map<string, number>();
  readonly #blocked = new Set<string>();
  #audible = false;

  constructor(receivers: ReadonlyMap<string, RTCRtpReceiver>, listening: Listening, blockedChanged: () => void) {
    this.#listening = listening;
    this.#blockedChanged = blockedChanged;
    for (const [mid, receiver] of receivers) {
      const element = document.createElement("audio");
      element.hidden = true;
      element.dataset["hubbubSlot"] = mid;
      element.muted = true;
      element.srcObject = new MediaStream([receiver.track]);
      // In the document: WebKit does not keep what is not.
      document.body?.append(element);
      this.#elements.set(mid, element);
      if (listening.speaker) void this.#route(element).catch(() => undefined); // it was unplugged meanwhile: the system's
    }
  }

  /** Whether the browser wants a click before it plays sound. */
  get blocked(): boolean {
    return this.#blocked.size > 0;
  }

  /** Begins to be heard. Silent until then, so that a connection that takes over is not heard twice. */
  start(): void {
    this.#audible = true;
    this.apply();
    void this.resume();
  }

  /** 0 to 1, for whoever is in the slot now. */
  setVolume(mid: string, volume: number): void {
    if ((this.#volumes.get(mid) ?? 1) === volume) return;
    this.#volumes.set(mid, volume);
    this.apply();
  }

  /** Applies what `listening` says now, but for the speaker. */
  apply(): void {
    for (const [mid, element] of this.#elements) {
      const volume = this.#volumes.get(mid) ?? 1;
      element.volume = volume;
      // iOS ignores volume, but not muted.
      element.muted = !this.#audible || this.#listening.deafened || volume === 0;
    }
  }

  /** Rejects when the browser does not allow that device, or it is gone. */
  async applySpeaker(): Promise<void> {
    await Promise.all([...this.#elements.values()].map((element) => this.#route(element)));
  }

  /** Plays what does not play yet. Call it in a click when `blocked`. */
  async resume(): Promise<void> {
    await Promise.all([...this.#elements].map(([mid, element]) => this.#play(mid, element)));
  }

  close(): void {
    for (const element of this.#elements.values()) {
      element.pause();
      element.srcObject = null;
      element.remove();
    }
    this.#elements.clear();
    this.#blocked.clear();
  }

  async #play(mid: string, element: HTMLAudioElement): Promise<void> {
    const before = this.blocked;
    try {
      if (element.paused) await element.play();
      this.#blocked.delete(mid);
    } catch (error) {
      // Anything but NotAllowedError is the element's own end (AbortError), or comes right with the first packet.
      if ((error as Error).name === "NotAllowedError" && this.#elements.has(mid)) this.#blocked.add(mid);
    }
    if (this.blocked !== before) this.#blockedChanged();
  }

  async #route(element: HTMLAudioElement): Promise<void> {
    await (element as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> }).setSinkId?.(this.#listening.speaker);
  }
}

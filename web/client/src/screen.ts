/**
 * - `denied`: the person closed the browser's dialog, or the system refused
 * - `unsupported`: this browser cannot share screens (phones), or not on a page that is not from HTTPS or localhost
 * - `failed`: the chosen screen or window cannot be read
 */
export type ScreenProblem = "denied" | "unsupported" | "failed";

export class ScreenError extends Error {
  readonly reason: ScreenProblem;

  constructor(reason: ScreenProblem, message: string) {
    super(message);
    this.name = "ScreenError";
    this.reason = reason;
  }
}

/** Whether `Room.shareScreen` can ask for a screen in this browser. */
export function canShareScreen(): boolean {
  return typeof navigator !== "undefined" && typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** Of the Screen Capture specification and its extensions; not in TypeScript's DOM library. Browsers that do not know one ignore it. */
interface ScreenOptions extends DisplayMediaStreamOptions {
  audio: MediaTrackConstraints & { restrictOwnAudio?: boolean };
  surfaceSwitching: "include";
  selfBrowserSurface: "exclude";
  systemAudio: "include";
}

const OPTIONS: ScreenOptions = {
  video: { frameRate: { ideal: 30, max: 30 } },
  // As it sounds, but without the voices of the room: the others would hear themselves.
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: { ideal: 2 }, restrictOwnAudio: true },
  surfaceSwitching: "include",
  selfBrowserSurface: "exclude",
  systemAudio: "include",
};

/** The screen that is shared, from when the person has chosen it until they end it, here or by the browser's own button. */
export class ScreenShare {
  readonly #changed: (stream: MediaStream | null) => void;
  #stream: MediaStream | null = null;
  #owned = false;
  #unwatch: (() => void) | undefined;
  /** Counts what was asked for: a dialog that is answered late is of no use any more. */
  #turn = 0;

  constructor(changed: (stream: MediaStream | null) => void) {
    this.#changed = changed;
  }

  get stream(): MediaStream | null {
    return this.#stream;
  }

  get picture(): MediaStreamTrack | null {
    return this.#stream?.getVideoTracks()[0] ?? null;
  }

  get sound(): MediaStreamTrack | null {
    return this.#stream?.getAudioTracks()[0] ?? null;
  }

  /**
   * Shares what is given, which stays the caller's, or asks. Browsers want a click for that: nothing may be awaited before. Rejects with a
   * `ScreenError`.
   */
  async share(given?: MediaStream): Promise<void> {
    const turn = ++this.#turn;
    const stream = given ?? (await askForScreen());
    if (turn !== this.#turn) return given ? undefined : stopAll(stream);
    const [picture] = stream.getVideoTracks();
    if (!picture) {
      if (!given) stopAll(stream);
      throw new ScreenError("failed", "there is no picture in it");
    }
    picture.contentHint ||= "detail";
    for (const sound of stream.getAudioTracks()) sound.contentHint ||= "music";
    this.#release();
    this.#stream = stream;
    this.#owned = !given;
    const ended = () => this.stop();
    picture.addEventListener("ended", ended);
    this.#unwatch = () => picture.removeEventListener("ended", ended);
    this.#changed(stream);
  }

  stop(): void {
    this.#turn++;
    if (!this.#stream) return;
    this.#release();
    this.#stream = null;
    this.#changed(null);
  }

  close(): void {
    this.#turn++;
    this.#release();
    this.#stream = null;
  }

  #release(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    if (this.#owned && this.#stream) stopAll(this.#stream);
  }
}

async function askForScreen(): Promise<MediaStream> {
  if (!canShareScreen()) throw new ScreenError("unsupported", "this browser cannot share screens");
  try {
    return await navigator.mediaDevices.getDisplayMedia(OPTIONS);
  } catch (cause) {
    const { name, message } = cause as { name?: string; message?: string };
    const reason = name === "NotAllowedError" || name === "SecurityError" ? "denied" : "failed";
    const error = new ScreenError(reason, message || "the screen was not given");
    error.cause = cause;
    throw error;
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

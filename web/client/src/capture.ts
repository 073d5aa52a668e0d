import { acquireMicrophone, MicrophoneError, onDevicesChanged, type MicrophoneOptions } from "./microphone.js";

/** A track that is silenced by the system for longer, with the page in view, is taken anew. */
const MUTED_TOO_LONG = 3_000;

/**
 * The microphone in use. Follows its track's fate: a device that was pulled out is replaced by another, and on iOS, where a phone call
 * ends or silences the track for good, it is taken again.
 */
export class Capture {
  readonly #changed: (track: MediaStreamTrack | null, error: MicrophoneError | undefined) => void;
  #track: MediaStreamTrack | null = null;
  #owned = false;
  #unwatch: (() => void) | undefined;
  #stopWaiting: (() => void) | undefined;
  #acquiring: Promise<void> | undefined;
  #closed = false;

  constructor(changed: (track: MediaStreamTrack | null, error: MicrophoneError | undefined) => void) {
    this.#changed = changed;
  }

  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** `owned`: we got the track, so we stop it; others' tracks are left alone. */
  set(track: MediaStreamTrack | null, owned: boolean, error?: MicrophoneError): void {
    if (this.#closed) {
      if (owned) track?.stop();
      return;
    }
    if (track && track === this.#track) return;
    this.#release();
    this.#track = track;
    this.#owned = owned;
    if (track) this.#watch(track);
    this.#changed(track, error);
  }

  /** Gets the default microphone if there is none. Rejects with a `MicrophoneError`. */
  acquire(): Promise<void> {
    if (this.#track) return Promise.resolve();
    return this.#take({});
  }

  close(): void {
    this.#closed = true;
    this.#release();
    this.#track = null;
  }

  #take(options: MicrophoneOptions): Promise<void> {
    const before = this.#track;
    this.#acquiring ??= acquireMicrophone(options)
      .then((track) => {
        if (this.#track === before) this.set(track, true);
        else track.stop(); // another was chosen meanwhile
      })
      .finally(() => (this.#acquiring = undefined));
    return this.#acquiring;
  }

  #watch(track: MediaStreamTrack): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const check = () => {
      clearTimeout(timer);
      if (track.muted && document.visibilityState === "visible") {
        timer = setTimeout(() => this.#replace(track), MUTED_TOO_LONG);
      }
    };
    const ended = () => this.#replace(track);
    track.addEventListener("ended", ended);
    track.addEventListener("mute", check);
    track.addEventListener("unmute", check);
    document.addEventListener("visibilitychange", check);
    this.#unwatch = () => {
      clearTimeout(timer);
      track.removeEventListener("ended", ended);
      track.removeEventListener("mute", check);
      track.removeEventListener("unmute", check);
      document.removeEventListener("visibilitychange", check);
    };
  }

  #replace(lost: MediaStreamTrack): void {
    if (lost !== this.#track) return;
    const { echoCancellation, noiseSuppression, autoGainControl } = lost.getSettings() as MicrophoneOptions;
    const options: MicrophoneOptions = {};
    if (echoCancellation !== undefined) options.echoCancellation = Boolean(echoCancellation);
    if (noiseSuppression !== undefined) options.noiseSuppression = noiseSuppression;
    if (autoGainControl !== undefined) options.autoGainControl = autoGainControl;
    this.#take(options).catch((error: MicrophoneError) => {
      if (this.#closed || lost !== this.#track || lost.readyState === "live") return;
      this.set(null, false, error);
      this.#stopWaiting = onDevicesChanged(() => {
        void this.#take(options).catch(() => undefined); // not that one; the next may do
      });
    });
  }

  #release(): void {
    this.#unwatch?.();
    this.#stopWaiting?.();
    this.#unwatch = this.#stopWaiting = undefined;
    if (this.#owned) this.#track?.stop();
  }
}

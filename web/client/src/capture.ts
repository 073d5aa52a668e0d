import { onDevicesChanged } from "./microphone.js";

/** A track that is silenced by the system for longer, with the page in view, is taken anew. */
const MUTED_TOO_LONG = 3_000;

export interface CaptureHandlers<Options, Failure extends Error> {
  /** Asks for a device; rejects with a `Failure`. */
  acquire: (options: Options) => Promise<MediaStreamTrack>;
  /** What to ask for in place of a track that was lost; undefined when it came from no device, so that none can take its place. */
  again: (lost: MediaStreamTrack, owned: boolean) => Options | undefined;
  /** Whether a device that is plugged in after the last one was lost is taken. */
  returns: boolean;
  changed: (track: MediaStreamTrack | null, error: Failure | undefined) => void;
}

/**
 * The microphone or camera in use. Follows its track's fate: a device that was pulled out is replaced by another, and on iOS, where a phone call
 * ends or silences the track for good, it is taken again.
 */
export class Capture<Options extends object, Failure extends Error> {
  readonly #handlers: CaptureHandlers<Options, Failure>;
  #track: MediaStreamTrack | null = null;
  #owned = false;
  #unwatch: (() => void) | undefined;
  #stopWaiting: (() => void) | undefined;
  #acquiring: Promise<void> | undefined;
  /** Counts what was asked for: what comes late is not wanted any more. */
  #turn = 0;
  #closed = false;

  constructor(handlers: CaptureHandlers<Options, Failure>) {
    this.#handlers = handlers;
  }

  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** Whether we got the track ourselves, and may stop it. */
  get owned(): boolean {
    return this.#owned;
  }

  /** `owned`: we got the track, so we stop it; others' tracks are left alone. */
  set(track: MediaStreamTrack | null, owned: boolean, error?: Failure): void {
    this.#turn++;
    if (this.#closed) {
      if (owned) track?.stop();
      return;
    }
    if (track && track === this.#track) return;
    this.#release();
    this.#track = track;
    this.#owned = owned;
    if (track) this.#watch(track);
    this.#handlers.changed(track, error);
  }

  /** Takes a device, in place of what there is. Of several calls in a row the last one counts. Rejects with a `Failure`. */
  async take(options: Options): Promise<void> {
    const turn = ++this.#turn;
    const track = await this.#handlers.acquire(options);
    if (turn === this.#turn) this.set(track, true);
    else track.stop(); // another was chosen meanwhile
  }

  /** As `take`, unless there is a track or one is being asked for. */
  acquire(options: Options): Promise<void> {
    return this.#track ? Promise.resolve() : this.#takeOnce(options);
  }

  close(): void {
    this.#closed = true;
    this.#turn++;
    this.#release();
    this.#track = null;
  }

  #takeOnce(options: Options): Promise<void> {
    this.#acquiring ??= this.take(options).finally(() => (this.#acquiring = undefined));
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
    const options = this.#handlers.again(lost, this.#owned);
    if (options === undefined) {
      if (lost.readyState === "ended") this.set(null, false);
      return;
    }
    this.#takeOnce(options).catch((error: Failure) => {
      if (this.#closed || lost !== this.#track || lost.readyState === "live") return;
      this.set(null, false, error);
      if (!this.#handlers.returns) return;
      this.#stopWaiting = onDevicesChanged(() => {
        void this.#takeOnce(options).catch(() => undefined); // not that one; the next may do
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

/** Why there is no microphone or no camera, as help is written for. */
export type Trouble = "insecure" | "unsupported" | "denied" | "none" | "busy" | "failed";

interface Opening {
  readonly key: string;
  readonly result: Promise<MediaStreamTrack | null>;
}

/** What the page captures with: it holds one device of a kind at a time, in the lobby, before a call, and in the room. */
export abstract class Capture {
  track = $state.raw<MediaStreamTrack | null>(null);
  trouble = $state<Trouble | null>(null);
  opening = $state(false);
  #underway: Opening | undefined;

  /** Gets the device with this id, or the default for an empty one. */
  protected abstract acquire(deviceId: string): Promise<MediaStreamTrack>;

  /**
   * Opens the device with this id, or the default; the track held before goes on until the new one is there. Null, with `trouble`
   * set, when that fails, and without trouble when it was closed meanwhile; who asks for another one meanwhile decides for both.
   * A remembered device that is gone is no trouble: the default takes its place.
   */
  open(deviceId: string): Promise<MediaStreamTrack | null> {
    return this.take(deviceId, async () => {
      try {
        return await this.acquire(deviceId);
      } catch (error) {
        if (deviceId === "" || troubleOf(error) !== "none") throw error;
        return this.acquire("");
      }
    });
  }

  close(): void {
    this.#settle();
    this.hold(null);
    this.trouble = null;
  }

  /** It stopped by itself: unplugged, or taken away. */
  lost(trouble: Trouble): void {
    this.hold(null);
    this.trouble = trouble;
  }

  /** As `open`; `key` tells what is asked for, so that asking twice asks the person once. */
  protected take(key: string, acquire: () => Promise<MediaStreamTrack>): Promise<MediaStreamTrack | null> {
    if (this.#underway?.key === key) return this.#underway.result;
    const opening: Opening = {
      key,
      result: acquire().then(
        (track) => {
          if (this.#underway !== opening) {
            track.stop();
            return this.#newest();
          }
          this.#settle();
          this.hold(track);
          this.trouble = null;
          return track;
        },
        (error: unknown) => {
          if (this.#underway !== opening) return this.#newest();
          this.#settle();
          this.trouble = troubleOf(error);
          return null;
        },
      ),
    };
    this.#underway = opening;
    this.opening = true;
    return opening.result;
  }

  protected hold(track: MediaStreamTrack | null): void {
    const before = this.track;
    this.track = track;
    track?.addEventListener("ended", () => {
      if (this.track === track) this.lost("none");
    });
    if (before !== track) before?.stop();
  }

  #newest(): Promise<MediaStreamTrack | null> | MediaStreamTrack | null {
    return this.#underway?.result ?? this.track;
  }

  #settle(): void {
    this.#underway = undefined;
    this.opening = false;
  }
}

/** What an error of the client's `acquire…` functions means to a person. */
export function troubleOf(error: unknown): Trouble {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices) return "unsupported";
  switch ((error as { reason?: unknown }).reason) {
    case "missing": return "none";
    case "denied": return "denied";
    case "busy": return "busy";
    case "insecure": return "insecure";
    default: return "failed";
  }
}

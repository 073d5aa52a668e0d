import { acquireMicrophone, createLevelMeter, microphonePermission, MicrophoneError, type LevelMeter } from "@hubbub/client";

/** Why there is no microphone, as help is written for. */
export type Trouble = "insecure" | "unsupported" | "denied" | "none" | "busy" | "failed";

/** The one microphone that the page holds, in the lobby and in the room. */
export class Microphone {
  track = $state.raw<MediaStreamTrack | null>(null);
  trouble = $state<Trouble | null>(null);
  opening = $state(false);
  /** Whether it was heard since it was opened. */
  heard = $state(false);
  #meter: LevelMeter | null = null;

  /** 0 to 1, now: to be read in requestAnimationFrame. */
  get level(): number {
    return this.#meter?.level ?? 0;
  }

  /** Whether opening would ask the person nothing. */
  async allowed(): Promise<boolean> {
    return (await microphonePermission().catch(() => "unknown")) === "granted";
  }

  /**
   * Opens the device with this id, or the default; the track held before goes on until the new one is there. Null, with `trouble`
   * set, when that fails. A remembered device that is gone is no trouble: the default takes its place.
   */
  async open(deviceId: string): Promise<MediaStreamTrack | null> {
    this.opening = true;
    try {
      const track = await acquire(deviceId);
      this.#hold(track);
      this.trouble = null;
      return track;
    } catch (error) {
      this.trouble = troubleOf(error);
      return null;
    } finally {
      this.opening = false;
    }
  }

  close(): void {
    this.#hold(null);
    this.trouble = null;
  }

  /** It stopped by itself: unplugged, or taken away. */
  lost(trouble: Trouble): void {
    this.#hold(null);
    this.trouble = trouble;
  }

  /** Web Audio may stand still until the page is touched. */
  resumeMeter(): void {
    void this.#meter?.resume().catch(() => {});
  }

  #hold(track: MediaStreamTrack | null): void {
    const before = this.track;
    this.track = track;
    this.heard = false;
    if (track) {
      if (this.#meter) this.#meter.setTrack(track);
      else this.#meter = createLevelMeter(track);
      track.addEventListener("ended", () => {
        if (this.track === track) this.lost("none");
      });
    } else {
      this.#meter?.close();
      this.#meter = null;
    }
    if (before !== track) before?.stop();
  }
}

async function acquire(deviceId: string): Promise<MediaStreamTrack> {
  if (!deviceId) return acquireMicrophone();
  try {
    return await acquireMicrophone({ deviceId });
  } catch (error) {
    if (troubleOf(error) !== "none") throw error;
    return acquireMicrophone();
  }
}

export function troubleOf(error: unknown): Trouble {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices) return "unsupported";
  if (!(error instanceof MicrophoneError)) return "failed";
  return error.reason === "missing" ? "none" : error.reason;
}

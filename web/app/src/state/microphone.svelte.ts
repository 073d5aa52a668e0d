import { acquireMicrophone, createLevelMeter, microphonePermission, type LevelMeter } from "@hubbub/client";
import { Capture } from "./capture.svelte";

/** The one microphone that the page holds. */
export class Microphone extends Capture {
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

  /** Web Audio may stand still until the page is touched. */
  resumeMeter(): void {
    void this.#meter?.resume().catch(() => {});
  }

  protected override acquire(deviceId: string): Promise<MediaStreamTrack> {
    return acquireMicrophone(deviceId ? { deviceId } : {});
  }

  protected override hold(track: MediaStreamTrack | null): void {
    this.heard = false;
    if (track) {
      if (this.#meter) this.#meter.setTrack(track);
      else this.#meter = createLevelMeter(track);
    } else {
      this.#meter?.close();
      this.#meter = null;
    }
    super.hold(track);
  }
}

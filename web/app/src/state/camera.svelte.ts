import { acquireCamera } from "@hubbub/client";
import { Capture } from "./capture.svelte";

/** The one camera that the page holds: its light is on only while its picture is seen by somebody, be it oneself. */
export class Camera extends Capture {
  /** Whether it looks away from who holds it, as the back camera of a phone does. */
  facesAway = $derived(this.track?.getSettings?.().facingMode === "environment");

  /** The other camera of a phone. Most phones give one only after the other was let go. */
  flip(): Promise<MediaStreamTrack | null> {
    const facing = this.facesAway ? "user" : "environment";
    return this.take(`facing ${facing}`, () => {
      this.track?.stop();
      return acquireCamera({ facing });
    });
  }

  protected override acquire(deviceId: string): Promise<MediaStreamTrack> {
    return acquireCamera(deviceId ? { deviceId } : {});
  }
}

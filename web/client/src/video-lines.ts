import { preferOpus, preferVideo } from "./codecs.js";
import { addCamera, addScreen, tuneCamera, tuneScreen } from "./encodings.js";
import { Sending } from "./sending.js";

/** Bits per second: music in stereo. */
const SCREEN_AUDIO_BITRATE = 128_000;

/**
 * The m-lines for video of one connection: camera, screen and the screen's sound to send, then the slots in which others are seen. They are
 * all added at once, so that a camera that is turned on or off later needs no negotiation.
 */
export class VideoLines {
  readonly sending: readonly Sending[];
  readonly #connection: RTCPeerConnection;
  readonly #slots: RTCRtpTransceiver[] = [];

  constructor(connection: RTCPeerConnection) {
    this.#connection = connection;
    const camera = addCamera(connection);
    const screen = addScreen(connection);
    const sound = connection.addTransceiver("audio", { direction: "sendonly", sendEncodings: [{ maxBitrate: SCREEN_AUDIO_BITRATE }] });
    preferVideo(camera);
    preferVideo(screen);
    preferOpus(sound);
    this.sending = [new Sending("camera", camera, tuneCamera), new Sending("screen", screen, tuneScreen), new Sending("screen_audio", sound)];
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** Adds slots until there are so many. */
  grow(slots: number): void {
    while (this.#slots.length < slots) {
      const slot = this.#connection.addTransceiver("video", { direction: "recvonly" });
      preferVideo(slot);
      this.#slots.push(slot);
    }
  }

  /** The slots that the server accepted, by mid. */
  get receivers(): ReadonlyMap<string, RTCRtpReceiver> {
    return acceptedReceivers(this.#slots);
  }
}

/** Of these receive-only m-lines, those that the server accepted, by mid. */
export function acceptedReceivers(slots: readonly RTCRtpTransceiver[]): ReadonlyMap<string, RTCRtpReceiver> {
  const accepted = slots.filter((slot) => slot.mid !== null && slot.currentDirection === "recvonly");
  return new Map(accepted.map((slot) => [slot.mid as string, slot.receiver]));
}

import type { Source } from "./protocol.js";

/** One m-line that we send on. Tracks come and go on it without negotiation. */
export class Sending {
  readonly source: Source;
  readonly transceiver: RTCRtpTransceiver;
  readonly #tune: ((sender: RTCRtpSender, track: MediaStreamTrack) => Promise<void>) | undefined;
  #track: MediaStreamTrack | null = null;
  #replacing: Promise<void> | undefined;

  /** `tune` fits the encoder to a track that is about to be sent. */
  constructor(source: Source, transceiver: RTCRtpTransceiver, tune?: (sender: RTCRtpSender, track: MediaStreamTrack) => Promise<void>) {
    this.source = source;
    this.transceiver = transceiver;
    this.#tune = tune;
  }

  /** Whether the server takes it. False before it has answered. */
  get accepted(): boolean {
    return this.transceiver.currentDirection === "sendonly";
  }

  /**
   * Sends this track, or nothing at all: with null, browsers stop sending packets, where a disabled track would go on with
   * packets of silence, or black pictures. No negotiation. Of several calls in a row the last one counts. Has an effect once `accepted`.
   */
  send(track: MediaStreamTrack | null): Promise<void> {
    this.#track = track;
    this.#replacing ??= this.#replace().finally(() => (this.#replacing = undefined));
    return this.#replacing;
  }

  async #replace(): Promise<void> {
    const { sender } = this.transceiver;
    // Before the answer nothing flows, and the layers are not settled that `tune` has to know.
    while (this.accepted && sender.track !== this.#track) {
      const track = this.#track;
      try {
        if (track) await this.#tune?.(sender, track);
        if (track === this.#track) await sender.replaceTrack(track);
      } catch (error) {
        // Closed meanwhile: nothing is sent, as it should be.
        if ((error as Error).name !== "InvalidStateError") throw error;
        return;
      }
    }
  }
}

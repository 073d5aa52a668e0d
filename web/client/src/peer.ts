import type { Source } from "./protocol.js";

/** What `join` and `negotiate` send. */
export interface Offer {
  offer: string;
  sources: Record<string, Source>;
}

/**
 * One RTCPeerConnection as Hubbub wants it: the microphone's m-line, then the receive-only slots, offered once. Nothing but an ICE
 * restart is negotiated later: the microphone's m-line is there even without a microphone, and tracks come and go on it.
 */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #microphone: RTCRtpTransceiver;
  readonly #slots: RTCRtpTransceiver[] = [];
  readonly #changed: (peer: Peer) => void;
  #track: MediaStreamTrack | null = null;
  #replacing: Promise<void> | undefined;
  #everConnected = false;

  /** Throws where the browser has no WebRTC. */
  constructor(configuration: RTCConfiguration, slots: number, changed: (peer: Peer) => void) {
    this.#changed = changed;
    this.#connection = new RTCPeerConnection({ ...configuration, bundlePolicy: "max-bundle" });
    this.#connection.onconnectionstatechange = () => {
      if (this.state === "connected") this.#everConnected = true;
      this.#changed(this);
    };
    this.#microphone = this.#connection.addTransceiver("audio", { direction: "sendonly" });
    for (let i = 0; i < slots; i++) this.#slots.push(this.#connection.addTransceiver("audio", { direction: "recvonly" }));
    preferOpus([this.#microphone, ...this.#slots]);
  }

  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  get everConnected(): boolean {
    return this.#everConnected;
  }

  /** What is sent now; null while muted. */
  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** The slots that the server accepted, by mid. Empty before `accept`. */
  get receivers(): ReadonlyMap<string, RTCRtpReceiver> {
    const accepted = this.#slots.filter((slot) => slot.mid !== null && slot.currentDirection === "recvonly");
    return new Map(accepted.map((slot) => [slot.mid as string, slot.receiver]));
  }

  /** The first offer, or an ICE restart. Candidates are not awaited: an ICE-lite server learns ours from the checks (RFC 8445, section 2.5). */
  async offer({ iceRestart = false } = {}): Promise<Offer> {
    await this.#connection.setLocalDescription(await this.#connection.createOffer({ iceRestart }));
    return {
      offer: this.#connection.localDescription?.sdp ?? "",
      sources: this.#microphone.mid === null ? {} : { [this.#microphone.mid]: "microphone" },
    };
  }

  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /**
   * Sends this track, or nothing at all: with null, browsers stop sending packets, where a disabled track would go on with
   * packets of silence. No negotiation. Of several calls in a row the last one counts.
   */
  send(track: MediaStreamTrack | null): Promise<void> {
    this.#track = track;
    this.#replacing ??= this.#replace().finally(() => (this.#replacing = undefined));
    return this.#replacing;
  }

  /** Resolves when it is connected, has failed, or after `patience` milliseconds. */
  settled(patience: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#connection.removeEventListener("connectionstatechange", check);
        resolve();
      };
      const check = () => {
        if (["connected", "failed", "closed"].includes(this.state)) done();
      };
      const timer = setTimeout(done, patience);
      this.#connection.addEventListener("connectionstatechange", check);
      check();
    });
  }

  stats(): Promise<RTCStatsReport> {
    return this.#connection.getStats();
  }

  close(): void {
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
  }

  async #replace(): Promise<void> {
    const { sender } = this.#microphone;
    while (sender.track !== this.#track && this.#connection.signalingState !== "closed") {
      try {
        await sender.replaceTrack(this.#track);
      } catch (error) {
        // Closed meanwhile: nothing is sent, as it should be.
        if ((error as Error).name !== "InvalidStateError") throw error;
        return;
      }
    }
  }
}

/** Opus alone: no redundancy of RED's kind, no narrowband codec. What Opus is to do stands in the server's answer. */
function preferOpus(transceivers: RTCRtpTransceiver[]): void {
  const opus = RTCRtpReceiver.getCapabilities?.("audio")?.codecs.filter((c) => c.mimeType.toLowerCase() === "audio/opus") ?? [];
  if (opus.length === 0) return;
  for (const transceiver of transceivers) {
    try {
      transceiver.setCodecPreferences?.(opus);
    } catch {
      // A preference only: the server accepts nothing but Opus anyway.
    }
  }
}

import { preferOpus } from "./codecs.js";
import type { Source } from "./protocol.js";
import { Sending } from "./sending.js";
import { acceptedReceivers, VideoLines } from "./video-lines.js";

/** What `join` and `negotiate` send. */
export interface Offer {
  offer: string;
  sources: Record<string, Source>;
}

/**
 * One RTCPeerConnection as Hubbub wants it: the microphone's m-line, then the receive-only slots, then, where wanted, those for video.
 * Nothing is negotiated later but an ICE restart and, once, video: m-lines are there even without a microphone or a camera, and tracks come
 * and go on them.
 */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #microphone: Sending;
  readonly #slots: RTCRtpTransceiver[] = [];
  readonly #changed: (peer: Peer) => void;
  #video: VideoLines | undefined;
  /** How many video slots stood in the last offer, and in the last that was answered; undefined without video. */
  #offeredSlots: number | undefined;
  #answeredSlots: number | undefined;
  /** One negotiation at a time, and none before the first answer. */
  #turn: Promise<unknown>;
  #firstAnswered!: () => void;
  #everConnected = false;

  /** Throws where the browser has no WebRTC. `videoSlots` undefined: no video at first. */
  constructor(configuration: RTCConfiguration, slots: number, videoSlots: number | undefined, changed: (peer: Peer) => void) {
    this.#changed = changed;
    this.#connection = new RTCPeerConnection({ ...configuration, bundlePolicy: "max-bundle" });
    this.#connection.onconnectionstatechange = () => {
      if (this.state === "connected") this.#everConnected = true;
      this.#changed(this);
    };
    this.#turn = new Promise<void>((resolve) => (this.#firstAnswered = resolve));
    this.#microphone = new Sending("microphone", this.#connection.addTransceiver("audio", { direction: "sendonly" }));
    for (let i = 0; i < slots; i++) this.#slots.push(this.#connection.addTransceiver("audio", { direction: "recvonly" }));
    for (const transceiver of [this.#microphone.transceiver, ...this.#slots]) preferOpus(transceiver);
    if (videoSlots !== undefined) this.#addVideo(videoSlots);
  }

  get state(): RTCPeerConnectionState {
    return this.#connection.connectionState;
  }

  get everConnected(): boolean {
    return this.#everConnected;
  }

  /** The audio slots that the server accepted, by mid. Empty before `accept`. */
  get receivers(): ReadonlyMap<string, RTCRtpReceiver> {
    return acceptedReceivers(this.#slots);
  }

  /** The same of the video slots. */
  get videoReceivers(): ReadonlyMap<string, RTCRtpReceiver> {
    return this.#video?.receivers ?? new Map();
  }

  /** Whether the server has answered an offer of so many video slots, be it that it rejected them. */
  hasVideo(slots: number): boolean {
    return this.#answeredSlots !== undefined && this.#answeredSlots >= slots;
  }

  /** Whether the server has answered that it takes no camera from us. */
  get videoRejected(): boolean {
    return this.hasVideo(0) && !this.#video?.sending[0]?.accepted;
  }

  /** The first offer. Candidates are not awaited: an ICE-lite server learns ours from the checks (RFC 8445, section 2.5). */
  async offer({ iceRestart = false } = {}): Promise<Offer> {
    await this.#connection.setLocalDescription(await this.#connection.createOffer({ iceRestart }));
    this.#offeredSlots = this.#video?.slots;
    const sources: Record<string, Source> = {};
    for (const { source, transceiver } of this.#sending) {
      if (transceiver.mid !== null) sources[transceiver.mid] = source;
    }
    return { offer: this.#connection.localDescription?.sdp ?? "", sources };
  }

  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
    this.#answeredSlots = this.#offeredSlots;
    this.#firstAnswered();
  }

  /** A later offer: an ICE restart, or more m-lines, when `videoSlots` asks for more than there are. */
  negotiate(
    ask: (offer: Offer) => Promise<{ answer: string }>, { iceRestart = false, videoSlots }: { iceRestart?: boolean; videoSlots?: number | undefined } = {},
  ): Promise<void> {
    const done = this.#turn.then(async () => {
      if (!iceRestart && videoSlots !== undefined && this.hasVideo(videoSlots)) return;
      if (videoSlots !== undefined) this.#addVideo(videoSlots);
      const { answer } = await ask(await this.offer({ iceRestart }));
      await this.accept(answer);
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Sends this track as that source, or nothing. Without effect where the m-line is not there (yet). */
  async send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    await this.#sending.find((sending) => sending.source === source)?.send(track);
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
    // What waits for its turn fails now.
    this.#firstAnswered();
  }

  get #sending(): readonly Sending[] {
    return [this.#microphone, ...(this.#video?.sending ?? [])];
  }

  #addVideo(slots: number): void {
    this.#video ??= new VideoLines(this.#connection);
    this.#video.grow(slots);
  }
}

import type { Hint } from "./environment.js";
import { HubbubError, toHubbubError } from "./errors.js";
import type { ConnectionQuality, MediaProblem, MediaState } from "./options.js";
import { Peer, type Offer } from "./peer.js";
import { Playback, type Listening } from "./playback.js";
import type { NegotiateResult, Slot, Source } from "./protocol.js";
import { assess, readCounters, type Counters } from "./quality.js";

/** A new connection that has been offered, but not answered. */
export interface Prepared {
  readonly peer: Peer;
  readonly description: Offer;
}

export interface Answered {
  answer?: string;
  slots: readonly Slot[];
}

export interface MediaHandlers {
  configuration: () => RTCConfiguration;
  negotiate: (offer: Offer) => Promise<NegotiateResult>;
  /** `join` of the room we are in, with a new connection. */
  join: (offer: Offer) => Promise<Answered>;
  /** Resolves when the signalling is there (again). */
  ready: () => Promise<unknown>;
  state: (state: MediaState, problem: MediaProblem | undefined) => void;
  slots: (slots: readonly Slot[]) => void;
  playbackBlocked: (blocked: boolean) => void;
  /** Other slots are heard from now on. */
  receivers: (receivers: ReadonlyMap<string, RTCRtpReceiver>) => void;
  /** Other slots are seen from now on. */
  pictures: (receivers: ReadonlyMap<string, RTCRtpReceiver>) => void;
  /** 0..1 */
  volume: (participant: string) => number;
}

/** Milliseconds until a connection that was answered counts as not to be had, and an ICE restart as failed. */
const CONNECT_PATIENCE = 10_000;
const RESTART_PATIENCE = 6_000;
/** A moment of `disconnected` may heal by itself; longer is heard. */
const DISCONNECTED_GRACE = 500;
/** Between attempts when no connection can be had; the last one goes on. */
const RETRIES = [2_000, 5_000, 10_000, 20_000];
/** About 3 kB each in an offer, which with ten audio slots is to fit into one frame of the signalling (65,536 bytes) with room to spare. */
const MOST_VIDEO_SLOTS = 12;
/** How long an old connection is kept playing for a new one that is not through yet. */
const HANDOVER_PATIENCE = 8_000;

/**
 * The media connection of one room: a `Peer` and its `Playback`, mended when the network breaks them. First an ICE restart (it keeps
 * the keys and costs about 200 ms of sound), then a new connection by `join`, on which all that was sent and received goes on.
 */
export class Media {
  readonly #handlers: MediaHandlers;
  readonly #slotCount: number;
  readonly listening: Listening = { deafened: false, speaker: "" };
  #peer: Peer | undefined;
  #playback: Playback | undefined;
  #state: MediaState = "none";
  #problem: MediaProblem | undefined;
  #slots: readonly Slot[] = [];
  /** What `slots` has said of a connection that is answered and not in use yet. */
  #early: Slot[] | undefined;
  /** Who is heard where, by whichever told last: `slots`, or the packets. */
  readonly #occupants = new Map<string, string>();
  readonly #tracks: Record<Source, MediaStreamTrack | null> = { microphone: null, camera: null, screen: null, screen_audio: null };
  #muted = false;
  /** As many as were ever asked for; undefined until there is to be video. */
  #videoSlots: number | undefined;
  #mending: Promise<void> | undefined;
  /** Mending had to wait for the signalling. */
  #mendLater = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #closed = false;
  #blocked = false;
  #counters: { peer: Peer; at: Counters } | undefined;

  constructor(slots: number, videoSlots: number | undefined, handlers: MediaHandlers) {
    this.#slotCount = slots;
    this.#videoSlots = videoSlots === undefined ? undefined : bounded(videoSlots);
    this.#handlers = handlers;
  }

  get state(): MediaState {
    return this.#state;
  }

  get problem(): MediaProblem | undefined {
    return this.#problem;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  get playbackBlocked(): boolean {
    return this.#blocked;
  }

  /** Whether the server has answered that it takes no video. */
  get videoRejected(): boolean {
    return this.#peer?.videoRejected ?? false;
  }

  /** Whether the connection may go on when the signalling is back: `join` needs no offer then. */
  get alive(): boolean {
    return this.#peer !== undefined && this.#peer.state !== "failed" && this.#peer.state !== "closed" && this.#state !== "failed";
  }

  /** A new connection's offer; undefined where there is no WebRTC. Close `peer` when it comes to nothing. */
  async prepare(): Promise<Prepared | undefined> {
    let peer: Peer | undefined;
    try {
      peer = new Peer(this.#handlers.configuration(), this.#slotCount, this.#videoSlots, (changed) => this.#peerChanged(changed));
      return { peer, description: await peer.offer() };
    } catch {
      peer?.close();
      this.#setState("none", "unsupported");
      return undefined;
    }
  }

  /**
   * Takes the answered connection into use. What played before goes on until the new one is through. Resolves when that is
   * so, or will not be.
   */
  async adopt({ peer }: Prepared, { answer, slots }: Answered): Promise<void> {
    const old = { peer: this.#peer, playback: this.#playback };
    if (this.#closed) return peer.close();
    const early: Slot[] = (this.#early = []);
    this.#peer = peer;
    this.#mendLater = false;
    this.#watch(CONNECT_PATIENCE, () => this.#failed());
    if (this.#state !== "connected") this.#setState("connecting", undefined);
    try {
      if (answer === undefined) throw new Error("the server has no sound for us");
      await peer.accept(answer);
    } catch {
      if (peer === this.#peer) this.#peer = this.#early = undefined;
      peer.close();
      if (old.peer && !this.#closed) this.#peer = old.peer;
      return this.#failed("rejected");
    }
    void this.#send().catch(() => undefined); // a track that cannot be sent was told to whoever set it
    // Asked for while this one was on its way.
    if (this.#videoSlots !== undefined) void this.showVideo(this.#videoSlots).catch(() => undefined);
    const playback = new Playback(peer.receivers, this.listening, () => this.#blockedChanged());
    if (old.peer?.state === "connected") await peer.settled(HANDOVER_PATIENCE);
    if (this.#closed || this.#peer !== peer) playback.close();
    else {
      this.#playback = playback;
      this.#early = undefined;
      this.#handlers.receivers(peer.receivers);
      this.#handlers.pictures(peer.videoReceivers);
      this.setSlots([...slots, ...early]); // the answer is older than what was said since
      playback.start();
    }
    old.playback?.close();
    old.peer?.close();
    if (this.#closed) peer.close();
  }

  /** What `slots` said: those that changed, or all. */
  setSlots(changed: readonly Slot[]): void {
    this.#early?.push(...changed);
    const slots = new Map(this.#slots.map((slot) => [slot.mid, slot]));
    for (const slot of changed) {
      slots.set(slot.mid, slot);
      if (slot.participant === null) this.#occupants.delete(slot.mid);
      else this.#occupants.set(slot.mid, slot.participant);
    }
    this.#slots = [...slots.values()];
    this.applyVolumes();
    this.#handlers.slots(this.#slots);
  }

  /** What the packets say: in step with the sound, where `slots` may come a moment before or after. */
  heard(mid: string, participant: string): void {
    if (this.#occupants.get(mid) === participant) return;
    this.#occupants.set(mid, participant);
    this.applyVolumes();
  }

  applyVolumes(): void {
    for (const [mid, participant] of this.#occupants) this.#playback?.setVolume(mid, this.#handlers.volume(participant));
  }

  /** Gets a connection where `join` was without one. */
  start(): Promise<void> {
    return this.#mend({ anew: true });
  }

  /** What is sent as that source from now on, on this connection and all that follow. */
  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    this.#tracks[source] = track;
    await this.#peer?.send(source, this.#outgoing(source));
  }

  /** No sound of ours; pictures go on. */
  async setMuted(muted: boolean): Promise<void> {
    this.#muted = muted;
    await this.#send();
  }

  /**
   * Has video on the connection, with so many slots at least; one negotiation, unless it is there. Rejects when the server refuses it; while
   * there is no connection, the next one has it.
   */
  async showVideo(slots: number): Promise<void> {
    const before = this.#videoSlots;
    const wanted = (this.#videoSlots = Math.max(bounded(slots), before ?? 0));
    for (let peer = this.#peer; peer && !peer.hasVideo(wanted); peer = this.#peer) {
      try {
        await peer.negotiate((offer) => this.#negotiate(offer), { videoSlots: wanted });
        if (peer !== this.#peer) continue;
        this.#handlers.pictures(peer.videoReceivers);
        await this.#send();
      } catch (cause) {
        if (this.#closed) throw new HubbubError(0, "closed", "we have left the room");
        if (peer !== this.#peer) continue;
        if (lineIsDown(cause)) {
          await this.#handlers.ready();
          continue;
        }
        // The offer cannot be taken back: the connection that was is only to be had as a new one.
        this.#videoSlots = before;
        await this.#mend({ anew: true });
        throw toHubbubError(cause);
      }
    }
  }

  setDeafened(deafened: boolean): void {
    this.listening.deafened = deafened;
    this.#playback?.apply();
  }

  async setSpeaker(deviceId: string): Promise<void> {
    const before = this.listening.speaker;
    this.listening.speaker = deviceId;
    try {
      await this.#playback?.applySpeaker();
    } catch (error) {
      this.listening.speaker = before;
      throw error;
    }
  }

  async resumePlayback(): Promise<void> {
    await this.#playback?.resume();
  }

  /** The signalling is back and the room joined without an offer: mends what could not be mended meanwhile. */
  checkUp(): void {
    if (this.#mendLater || this.#peer?.state === "disconnected") void this.#mend();
  }

  hint(hint: Hint): void {
    if (!this.#peer || hint === "offline") return;
    // On another network the old path looks well for seconds still. The other hints are too weak to touch what works.
    const moved = hint === "network" || hint === "online";
    if (moved || this.#state !== "connected") void this.#mend({ anew: this.#state === "failed" });
  }

  /** Over the time since the last call. `shown`: the ids of the tracks in which someone is seen. */
  async quality(signalling: number | undefined, shown: ReadonlySet<string>): Promise<ConnectionQuality | undefined> {
    const peer = this.#peer;
    if (!peer) return undefined;
    const report = await peer.stats();
    const before = this.#counters?.peer === peer ? this.#counters.at : undefined;
    const at = readCounters(report, before);
    this.#counters = { peer, at };
    return assess(before, at, { connected: peer.state === "connected", signalling, shown });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#playback?.close();
    this.#peer?.close();
    this.#playback = this.#peer = undefined;
    this.#state = "none";
  }

  async #send(): Promise<void> {
    const sources = Object.keys(this.#tracks) as Source[];
    await Promise.all(sources.map((source) => this.#peer?.send(source, this.#outgoing(source))));
  }

  #outgoing(source: Source): MediaStreamTrack | null {
    const isSound = source === "microphone" || source === "screen_audio";
    return this.#muted && isSound ? null : this.#tracks[source];
  }

  async #negotiate(offer: Offer): Promise<NegotiateResult> {
    const answered = await this.#handlers.negotiate(offer);
    this.setSlots(answered.slots);
    return answered;
  }

  #peerChanged(peer: Peer): void {
    if (peer !== this.#peer) return;
    switch (peer.state) {
      case "connected":
        clearTimeout(this.#timer);
        this.#failures = 0;
        this.#setState("connected", undefined);
        break;
      case "disconnected":
        this.#setState("disconnected", "lost");
        this.#watch(DISCONNECTED_GRACE, () => void this.#mend());
        break;
      case "failed":
        void this.#mend({ anew: !peer.everConnected });
        break;
    }
  }

  /** Runs `late` unless the connection is up within `patience`. */
  #watch(patience: number, late: () => void): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      if (this.#peer?.state !== "connected") late();
    }, patience);
  }

  #mend({ anew = false } = {}): Promise<void> {
    this.#mending ??= (anew || !this.#peer ? this.#replace() : this.#restart(this.#peer)).finally(() => (this.#mending = undefined));
    return this.#mending;
  }

  async #restart(peer: Peer): Promise<void> {
    try {
      await peer.negotiate((offer) => this.#negotiate(offer), { iceRestart: true, videoSlots: this.#videoSlots });
      if (peer !== this.#peer) return;
      this.#handlers.pictures(peer.videoReceivers);
      void this.#send().catch(() => undefined);
      this.#watch(RESTART_PATIENCE, () => void this.#mend({ anew: true }));
    } catch (cause) {
      if (this.#closed || peer !== this.#peer) return;
      if (lineIsDown(cause)) this.#mendLater = true;
      else await this.#replace();
    }
  }

  async #replace(): Promise<void> {
    const prepared = await this.prepare();
    if (!prepared) return;
    try {
      const answered = await this.#handlers.join(prepared.description);
      // Not awaited: until it is through, another mending may be due.
      void this.adopt(prepared, answered);
    } catch (cause) {
      prepared.peer.close();
      if (this.#closed) return;
      if (lineIsDown(cause)) this.#mendLater = true;
      else this.#failed("rejected");
    }
  }

  #failed(problem: MediaProblem = this.#peer?.everConnected ? "lost" : "blocked"): void {
    if (this.#closed) return;
    this.#setState("failed", problem);
    const delay = RETRIES[Math.min(this.#failures++, RETRIES.length - 1)] as number;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#mend({ anew: true }), delay);
  }

  #blockedChanged(): void {
    const blocked = this.#playback?.blocked ?? false;
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#handlers.playbackBlocked(blocked);
  }

  #setState(state: MediaState, problem: MediaProblem | undefined): void {
    if (this.#closed || (state === this.#state && problem === this.#problem)) return;
    this.#state = state;
    this.#problem = problem;
    this.#handlers.state(state, problem);
  }
}

function bounded(slots: number): number {
  return Math.max(0, Math.min(MOST_VIDEO_SLOTS, Math.floor(slots)));
}

/** Then `checkUp` follows when it is back. */
function lineIsDown(cause: unknown): boolean {
  const error = toHubbubError(cause);
  return error.isConnectionLoss && error.reason !== "timeout";
}

import { Capture } from "./capture.js";
import type { Hint } from "./environment.js";
import { HubbubError } from "./errors.js";
import { Media, type Answered, type Prepared } from "./media.js";
import { acquireMicrophone, canSelectSpeaker, sameProcessing, type MicrophoneError, type MicrophoneOptions } from "./microphone.js";
import type { ConnectionQuality, RoomEvents } from "./options.js";
import { OwnVoice } from "./ownvoice.js";
import type { Offer } from "./peer.js";
import type { NegotiateResult, Participant, Slot } from "./protocol.js";
import { Speakers } from "./speakers.js";

export interface SoundHandlers {
  configuration: () => RTCConfiguration;
  negotiate: (offer: Offer) => Promise<NegotiateResult>;
  join: (offer: Offer) => Promise<Answered>;
  ready: () => Promise<unknown>;
  /** Who is heard and seen in which slot. */
  slots: (slots: readonly Slot[]) => void;
  pictures: (receivers: ReadonlyMap<string, RTCRtpReceiver>) => void;
  /** The ids of the tracks in which someone is seen. */
  shown: () => ReadonlySet<string>;
  participants: () => ReadonlyMap<string, Participant>;
  selfId: () => string;
  /** Of the signalling, in milliseconds. */
  roundTrip: () => number | undefined;
  emit: <K extends keyof RoomEvents>(event: K, ...args: Parameters<RoomEvents[K]>) => void;
}

/** Milliseconds between two looks at the connection's quality. */
const QUALITY_INTERVAL = 2_000;

/** All that is heard in a room, ours and others': puts participants to the slots, levels and volumes of `Media` and its neighbours. */
export class Sound {
  readonly media: Media;
  readonly #handlers: SoundHandlers;
  readonly #capture: Capture<MicrophoneOptions, MicrophoneError>;
  readonly #voice: OwnVoice;
  readonly #speakers: Speakers;
  /** By user, since a person has another participant's id after coming back. */
  readonly #volumes = new Map<string, number>();
  readonly #qualityTimer: ReturnType<typeof setInterval>;
  #wanted: boolean;
  #muted = false;
  #quality: ConnectionQuality | undefined;
  #closed = false;

  /** `wanted`: a connection is asked for with the first `join`; otherwise only once there is a microphone, or something to see. */
  constructor(slots: number, videoSlots: number | undefined, wanted: boolean, handlers: SoundHandlers) {
    this.#handlers = handlers;
    this.#wanted = wanted;
    this.media = new Media(slots, videoSlots, {
      configuration: handlers.configuration,
      negotiate: handlers.negotiate,
      join: handlers.join,
      ready: handlers.ready,
      state: (state, problem) => handlers.emit("media", state, problem),
      slots: handlers.slots,
      pictures: handlers.pictures,
      playbackBlocked: (blocked) => handlers.emit("playbackBlocked", blocked),
      receivers: (receivers) => this.#speakers.attach(receivers),
      volume: (participant) => this.volume(participant),
    });
    this.#voice = new OwnVoice((speaking) => handlers.emit("speaking", handlers.selfId(), speaking));
    this.#speakers = new Speakers({
      occupant: (mid, csrc) => {
        const participant = this.#byCsrc(csrc);
        if (participant) this.media.heard(mid, participant.id);
      },
      isVoice: (mid) => this.media.slots.find((slot) => slot.mid === mid)?.source !== "screen_audio",
      speaking: (csrc, speaking) => {
        const participant = this.#byCsrc(csrc);
        if (participant) handlers.emit("speaking", participant.id, speaking);
      },
    });
    this.#capture = new Capture<MicrophoneOptions, MicrophoneError>({
      acquire: acquireMicrophone,
      again: sameProcessing,
      returns: true,
      changed: (track, error) => {
        this.#voice.setTrack(track);
        // Only a track that is no sound is refused; `setMicrophone` tells.
        this.media.setTrack("microphone", track).catch(() => undefined);
        handlers.emit("microphone", track, error);
      },
    });
    this.#qualityTimer = setInterval(() => {
      void this.#measure().then((quality) => {
        if (!this.#closed) handlers.emit("quality", quality);
      });
    }, QUALITY_INTERVAL);
  }

  get microphone(): MediaStreamTrack | null {
    return this.#capture.track;
  }

  get microphoneLevel(): number {
    return this.#voice.level;
  }

  /** What the room begins with: nothing is sent before its connection is there. */
  begin(track: MediaStreamTrack | null, owned: boolean): void {
    this.#capture.set(track, owned);
  }

  /** An offer for `join`; undefined when there is to be no sound. */
  async prepare(): Promise<Prepared | undefined> {
    return this.#wanted ? this.media.prepare() : undefined;
  }

  /** Whether `join` on a new link can do without an offer. */
  get mayGoOn(): boolean {
    return !this.#wanted || this.media.alive;
  }

  /** Whoever came for the texts alone needs a connection once there is a microphone, or something to see. */
  async connect(): Promise<void> {
    if (this.#wanted) return;
    this.#wanted = true;
    await this.media.start();
  }

  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#capture.set(track, false);
    if (track) await this.connect();
    await this.media.setTrack("microphone", track);
  }

  /** Gets a microphone if there is none. Rejects with a `MicrophoneError`. */
  async acquireMicrophone(): Promise<void> {
    await this.#capture.acquire({});
    await this.connect();
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#voice.setMuted(muted);
    void this.media.setMuted(muted);
  }

  async setSpeaker(deviceId: string): Promise<void> {
    if (!canSelectSpeaker()) throw new HubbubError(0, "unsupported", "this browser cannot choose a speaker");
    await this.media.setSpeaker(deviceId);
  }

  setVolume(participantId: string, volume: number): void {
    const participant = this.#handlers.participants().get(participantId);
    if (!participant) return;
    this.#volumes.set(participant.user, Math.max(0, Math.min(1, volume)));
    this.media.applyVolumes();
  }

  volume(participantId: string): number {
    const user = this.#handlers.participants().get(participantId)?.user;
    return (user === undefined ? undefined : this.#volumes.get(user)) ?? 1;
  }

  level(participantId: string): number {
    if (participantId === this.#handlers.selfId()) return this.#muted ? 0 : this.#voice.level;
    const participant = this.#handlers.participants().get(participantId);
    return participant ? this.#speakers.level(participant.csrc) : 0;
  }

  isSpeaking(participantId: string): boolean {
    if (participantId === this.#handlers.selfId()) return this.#voice.speaking;
    const participant = this.#handlers.participants().get(participantId);
    return participant ? this.#speakers.isSpeaking(participant.csrc) : false;
  }

  async quality(): Promise<ConnectionQuality> {
    return this.#quality ?? this.#measure();
  }

  async resumePlayback(): Promise<void> {
    await Promise.all([this.media.resumePlayback(), this.#voice.resume()]);
  }

  hint(hint: Hint): void {
    // iOS interrupts it for a phone call.
    if (hint === "visible" || hint === "awake") void this.#voice.resume();
    this.media.hint(hint);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#qualityTimer);
    this.#speakers.close();
    this.media.close();
    this.#voice.close();
    this.#capture.close();
  }

  async #measure(): Promise<ConnectionQuality> {
    const roundTrip = this.#handlers.roundTrip();
    const nothing: ConnectionQuality = {
      score: this.#wanted || roundTrip === undefined ? "lost" : "good",
      roundTrip, loss: undefined, jitter: undefined, concealment: undefined,
    };
    this.#quality = (await this.media.quality(roundTrip, this.#handlers.shown()).catch(() => undefined)) ?? nothing;
    return this.#quality;
  }

  #byCsrc(csrc: number): Participant | undefined {
    for (const participant of this.#handlers.participants().values()) if (participant.csrc === csrc) return participant;
    return undefined;
  }
}

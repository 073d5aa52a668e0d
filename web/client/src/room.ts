import { Capture } from "./capture.js";
import { ChatLog } from "./chatlog.js";
import { Emitter } from "./emitter.js";
import type { Hint } from "./environment.js";
import { HubbubError } from "./errors.js";
import type { Link } from "./link.js";
import { Media, type Answered, type Prepared } from "./media.js";
import { canSelectSpeaker } from "./microphone.js";
import { Mute } from "./mute.js";
import { newNonce } from "./nonce.js";
import type {
  ConnectionQuality, HistoryOptions, JoinOptions, MediaProblem, MediaState, RoomEvents, RoomLeftReason,
} from "./options.js";
import { OwnVoice } from "./ownvoice.js";
import type { Offer } from "./peer.js";
import type { ChatResult, JoinResult, LeaveReason, Message, Participant, Role, Slot } from "./protocol.js";
import { Roster } from "./roster.js";
import type { Rejoin, Session } from "./session.js";
import { Speakers } from "./speakers.js";

const DEFAULT_SLOTS = 10;
const JOIN_TRIES = 3;
/** Milliseconds between two looks at the connection's quality. */
const QUALITY_INTERVAL = 2_000;

/**
 * A room that we are in, from `Client.join` to `leave` (or the `left` event). It stays the same object over reconnects.
 */
export class Room extends Emitter<RoomEvents> {
  readonly name: string;
  readonly #session: Session;
  readonly #wantsMedia: boolean;
  readonly #capture: Capture;
  readonly #voice: OwnVoice;
  readonly #media: Media;
  readonly #speakers: Speakers;
  readonly #chat: ChatLog;
  /** By user, since a person has another participant's id after coming back. */
  readonly #volumes = new Map<string, number>();
  /** What we told of ourselves, to be told again in another life of the room. */
  #told: { hand?: boolean; attributes?: Record<string, string> } = {};
  #link!: Link;
  #selfId!: string;
  #roster: Roster | undefined;
  #mute!: Mute;
  #leftBecause: LeaveReason | undefined;
  #quality: ConnectionQuality | undefined;
  #qualityTimer: ReturnType<typeof setInterval> | undefined;
  #left = false;

  private constructor(session: Session, name: string, options: JoinOptions) {
    super();
    this.name = name;
    this.#session = session;
    const slots = Math.min(session.welcome.limits.slots, Math.max(0, options.slots ?? DEFAULT_SLOTS));
    this.#wantsMedia = slots > 0 || Boolean(options.microphone);
    this.#capture = new Capture((track, error) => {
      this.#voice.setTrack(track);
      void this.#media.setTrack(track);
      this.emit("microphone", track, error);
    });
    this.#voice = new OwnVoice((speaking) => this.emit("speaking", this.#selfId, speaking));
    this.#media = new Media(slots, {
      configuration: () => ({ iceServers: [...this.#session.welcome.iceServers] }),
      negotiate: (offer) => this.#link.request("negotiate", offer),
      join: (offer) => this.#joinAgain(offer),
      state: (state, problem) => this.emit("media", state, problem),
      slots: (changed) => this.emit("slots", changed),
      playbackBlocked: (blocked) => this.emit("playbackBlocked", blocked),
      receivers: (receivers) => this.#speakers.attach(receivers),
      volume: (participant) => this.volume(participant),
    });
    this.#speakers = new Speakers({
      occupant: (mid, csrc) => {
        const participant = this.#byCsrc(csrc);
        if (participant) this.#media.heard(mid, participant.id);
      },
      speaking: (csrc, speaking) => {
        const participant = this.#byCsrc(csrc);
        if (participant) this.emit("speaking", participant.id, speaking);
      },
    });
    this.#chat = new ChatLog({
      history: async (after) => this.#fetchHistory(after === undefined ? { limit: 200 } : { after, limit: 200 }),
      message: (message) => this.emit("message", message),
      changed: () => this.emit("messages"),
    });
  }

  /** @internal Use `Client.join`. */
  static async enter(session: Session, name: string, options: JoinOptions, microphone: MediaStreamTrack | null, owned: boolean): Promise<Room> {
    const room = new Room(session, name, options);
    try {
      room.#capture.set(microphone, owned);
      await room.#enter(options.muted ?? microphone === null);
      return room;
    } catch (error) {
      room.#release();
      throw error;
    }
  }

  get createdAt(): number {
    return this.#known.info.createdAt;
  }

  get limit(): number {
    return this.#known.info.limit;
  }

  /** Oneself; `muted` is what was last asked for, without waiting for the server. */
  get self(): Participant {
    const self = this.#known.participants.get(this.#selfId);
    if (!self) throw new HubbubError(0, "closed", "we are not in the room any more");
    return self;
  }

  /** Everyone in the room, oneself included, by participant id and in order of joining. A new map after each change. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#known.participants;
  }

  get slots(): readonly Slot[] {
    return this.#media.slots;
  }

  get mediaState(): MediaState {
    return this.#media.state;
  }

  get mediaProblem(): MediaProblem | undefined {
    return this.#media.problem;
  }

  get muted(): boolean {
    return this.#mute.muted;
  }

  get deafened(): boolean {
    return this.#media.listening.deafened;
  }

  get microphone(): MediaStreamTrack | null {
    return this.#capture.track;
  }

  /** 0 to 1: what the microphone hears now, muted or not ("you are muted"). */
  get microphoneLevel(): number {
    return this.#voice.level;
  }

  /** The browser wants a click before it plays sound: call `resumePlayback` in one. */
  get playbackBlocked(): boolean {
    return this.#media.playbackBlocked;
  }

  /** In order; the newest 200 of before we came, and all since. A new array after each change. */
  get messages(): readonly Message[] {
    return this.#chat.messages;
  }

  /**
   * Muted, nothing at all is sent, from this very moment; unmuted, sound goes out at once, and the server lets it through when it knows.
   * Without a microphone, `false` asks for the default one first, and rejects with a `MicrophoneError` if there is none.
   */
  async setMuted(muted: boolean): Promise<void> {
    this.#assertIn();
    if (!muted) await this.#capture.acquire();
    await this.#mute.set(muted);
  }

  async setHand(raised: boolean): Promise<void> {
    await this.#update({ hand: raised });
    this.#told.hand = raised;
  }

  async setName(name: string): Promise<void> {
    await this.#update({ name });
    this.#session.rename(name);
  }

  /** All of them: those not named are gone. */
  async setAttributes(attributes: Record<string, string>): Promise<void> {
    await this.#update({ attributes });
    this.#told.attributes = attributes;
  }

  /** Another microphone, or none, without a gap in the connection. The track stays the caller's to stop. */
  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#assertIn();
    this.#capture.set(track, false);
    await this.#media.setTrack(track);
  }

  /** Hear nobody. It does not mute the microphone. */
  setDeafened(deafened: boolean): void {
    this.#media.setDeafened(deafened);
  }

  /** 0 to 1, for this person as long as we are in the room. On iOS only 0 has an effect. */
  setVolume(participantId: string, volume: number): void {
    const participant = this.participants.get(participantId);
    if (!participant) return;
    this.#volumes.set(participant.user, Math.max(0, Math.min(1, volume)));
    this.#media.applyVolumes();
  }

  volume(participantId: string): number {
    const user = this.participants.get(participantId)?.user;
    return (user === undefined ? undefined : this.#volumes.get(user)) ?? 1;
  }

  /** A device of `listSpeakers`; empty for the system's. Rejects with `unsupported` where browsers cannot (`canSelectSpeaker`). */
  async setSpeaker(deviceId: string): Promise<void> {
    if (!canSelectSpeaker()) throw new HubbubError(0, "unsupported", "this browser cannot choose a speaker");
    await this.#media.setSpeaker(deviceId);
  }

  async resumePlayback(): Promise<void> {
    await Promise.all([this.#media.resumePlayback(), this.#voice.resume()]);
  }

  /** 0 to 1, how loud they are now, smoothed; made for requestAnimationFrame. */
  level(participantId: string): number {
    if (participantId === this.#selfId) return this.muted ? 0 : this.#voice.level;
    const participant = this.participants.get(participantId);
    return participant ? this.#speakers.level(participant.csrc) : 0;
  }

  /** Without flicker between words. */
  isSpeaking(participantId: string): boolean {
    if (participantId === this.#selfId) return this.#voice.speaking;
    const participant = this.participants.get(participantId);
    return participant ? this.#speakers.isSpeaking(participant.csrc) : false;
  }

  /** The last reading; they are taken every two seconds. */
  async quality(): Promise<ConnectionQuality> {
    return this.#quality ?? this.#measure();
  }

  /** Resolves when the server has numbered it. Sent once, whatever the line does meanwhile. */
  async chat(text: string): Promise<Message> {
    this.#assertIn();
    const { id, seq, time } = await this.#session.request<ChatResult>("chat", { text, nonce: newNonce() }, { repeat: true });
    const { id: participant, user, name } = this.self;
    const message: Message = { id, seq, participant, user: { id: user, name }, text, time };
    this.#chat.receive(message);
    return message;
  }

  /** Older messages; those before the first of `messages` are put there. */
  async history(options: HistoryOptions = {}): Promise<Message[]> {
    this.#assertIn();
    const found = await this.#fetchHistory(options);
    this.#chat.prepend(found);
    return found;
  }

  /** For hosts. `role` goes with the action of that name. */
  async moderate(participantId: string, action: "mute" | "remove" | "ban" | "role", role?: Role): Promise<void> {
    this.#assertIn();
    const params = role === undefined ? { participant: participantId, action } : { participant: participantId, action, role };
    await this.#session.request("moderate", params, { repeat: false });
  }

  /** The sound ends at once; resolves when the server knows. The client stays connected. */
  async leave(): Promise<void> {
    if (this.#left) return;
    const link = this.#link;
    this.close("left");
    await link.request("leave").catch(() => undefined); // the line is gone: the grace time ends it
  }

  /** @internal The room is over for us. */
  close(reason: RoomLeftReason): void {
    if (this.#left) return;
    this.#release();
    this.emit("left", reason === "removed" && this.#leftBecause === "banned" ? "banned" : reason);
  }

  /** @internal */
  get hasLeft(): boolean {
    return this.#left;
  }

  /** @internal Whether the server told us that it was a ban, before it closed the connection. */
  get banned(): boolean {
    return this.#leftBecause === "banned";
  }

  /** @internal */
  notification(link: Link, method: string, params: Record<string, unknown>): void {
    if (link !== this.#link || this.#left) return;
    if (method === "slots") this.#media.setSlots(params["slots"] as Slot[]);
    else if (method === "chat") this.#chat.receive(params as unknown as Message);
    else this.#known.apply(method, params);
  }

  /** @internal */
  hint(hint: Hint): void {
    this.#media.hint(hint);
  }

  /** @internal Gets the room back on a new link. */
  async rejoin(link: Link, { resumed, moving }: Rejoin): Promise<{ heard: Promise<void> }> {
    let prepared = this.#wantsMedia && (!resumed || moving || !this.#media.alive) ? await this.#media.prepare() : undefined;
    let joined: JoinResult;
    try {
      joined = await this.#requestJoin(link, prepared?.description).catch(async (error: HubbubError) => {
        // Another node than before: our sound is not there.
        if (error.code !== 409 || prepared || !this.#wantsMedia) throw error;
        prepared = await this.#media.prepare();
        return this.#requestJoin(link, prepared?.description);
      });
    } catch (error) {
      prepared?.peer.close();
      throw error;
    }
    if (this.#left) {
      prepared?.peer.close();
      link.notify("leave", {});
      return { heard: Promise.resolve() };
    }
    this.#link = link;
    this.#joined(joined);
    if (prepared) return { heard: this.#media.adopt(prepared, joined) };
    this.#media.setSlots(joined.slots);
    this.#media.checkUp();
    return { heard: Promise.resolve() };
  }

  async #enter(muted: boolean): Promise<void> {
    for (let tries = 1; ; tries++) {
      const link = await this.#session.ready();
      const prepared = this.#wantsMedia ? await this.#media.prepare() : undefined;
      let joined: JoinResult;
      try {
        joined = await this.#requestJoin(link, prepared?.description, muted);
      } catch (error) {
        prepared?.peer.close();
        if (error instanceof HubbubError && error.isConnectionLoss && tries < JOIN_TRIES) continue;
        throw error;
      }
      this.#begin(link, joined, muted, prepared);
      return;
    }
  }

  #begin(link: Link, joined: JoinResult, muted: boolean, prepared: Prepared | undefined): void {
    this.#link = link;
    this.#selfId = joined.participant.id;
    this.#mute = new Mute(muted, joined.participant.muted, {
      send: (value) => this.#session.request("update", { muted: value }, { repeat: true }),
      changed: (value) => this.#mutedChanged(value),
    });
    void this.#media.setMuted(this.muted);
    this.#voice.setMuted(this.muted);
    this.#roster = new Roster(joined.room, {
      arriving: (participant) => this.#withOwnMute(participant),
      joined: (participant) => this.emit("participantJoined", participant),
      updated: (participant, before) => this.emit("participantUpdated", participant, before),
      left: (participant, reason) => {
        if (participant.id === this.#selfId) this.#leftBecause = reason;
        this.emit("participantLeft", participant, reason);
      },
      changed: () => this.emit("participants"),
      gap: () => void this.#joinAgain().catch(() => this.#roster?.snapshotFailed()),
    });
    if (prepared) void this.#media.adopt(prepared, joined);
    this.#chat.catchUp();
    this.#qualityTimer = setInterval(() => void this.#measure().then((quality) => this.emit("quality", quality)), QUALITY_INTERVAL);
  }

  /** A snapshot, and with an offer a new connection for the sound, on the link that we have. */
  async #joinAgain(offer?: Offer): Promise<Answered> {
    const link = this.#link;
    const joined = await this.#requestJoin(link, offer);
    if (link === this.#link && !this.#left) this.#joined(joined);
    return joined;
  }

  #requestJoin(link: Link, offer: Offer | undefined, muted = this.muted): Promise<JoinResult> {
    // `muted: false` is never said here: a host may have muted us while we were away.
    return link.request<JoinResult>("join", { room: this.name, ...offer, ...(muted ? { muted } : {}) });
  }

  #joined({ room, participant }: JoinResult): void {
    const anew = participant.id !== this.#selfId;
    const otherRoom = room.createdAt !== this.createdAt;
    this.#selfId = participant.id;
    this.#known.reset(room, anew);
    if (otherRoom) this.#chat.restart();
    this.#chat.catchUp();
    if (anew && Object.keys(this.#told).length > 0) void this.#update(this.#told).catch(() => undefined);
  }

  /** Of ourselves we show what was last asked for; what the server says of it goes through `Mute`. */
  #withOwnMute(participant: Participant): Participant {
    if (participant.id !== this.#selfId) return participant;
    this.#mute.heard(participant.muted);
    return participant.muted === this.muted ? participant : { ...participant, muted: this.muted };
  }

  #mutedChanged(muted: boolean): void {
    void this.#media.setMuted(muted);
    this.#voice.setMuted(muted);
    this.#roster?.patch(this.#selfId, { muted });
    this.emit("muted", muted);
  }

  async #update(change: object): Promise<void> {
    this.#assertIn();
    await this.#session.request("update", change, { repeat: true });
  }

  async #fetchHistory(options: HistoryOptions): Promise<Message[]> {
    const { messages } = await this.#session.request<{ messages: Message[] }>("history", options, { repeat: true });
    return messages;
  }

  async #measure(): Promise<ConnectionQuality> {
    const signalling = this.#link.roundTrip;
    const nothing: ConnectionQuality = {
      score: this.#session.state === "connected" && !this.#wantsMedia ? "good" : "lost",
      roundTrip: signalling, loss: undefined, jitter: undefined, concealment: undefined,
    };
    this.#quality = (await this.#media.quality(signalling).catch(() => undefined)) ?? nothing;
    return this.#quality;
  }

  #byCsrc(csrc: number): Participant | undefined {
    for (const participant of this.participants.values()) if (participant.csrc === csrc) return participant;
    return undefined;
  }

  get #known(): Roster {
    if (!this.#roster) throw new HubbubError(0, "closed", "the room is not joined yet");
    return this.#roster;
  }

  #assertIn(): void {
    if (this.#left) throw new HubbubError(0, "closed", "we have left the room");
  }

  #release(): void {
    this.#left = true;
    clearInterval(this.#qualityTimer);
    this.#mute?.close();
    this.#speakers.close();
    this.#media.close();
    this.#voice.close();
    this.#capture.close();
  }
}

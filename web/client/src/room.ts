import { ChatLog } from "./chatlog.js";
import { Emitter } from "./emitter.js";
import type { Hint } from "./environment.js";
import { HubbubError } from "./errors.js";
import type { Link } from "./link.js";
import type { Answered, Prepared } from "./media.js";
import { Mute } from "./mute.js";
import { newNonce } from "./nonce.js";
import type {
  ConnectionQuality, HistoryOptions, JoinOptions, MediaProblem, MediaState, RoomEvents, RoomLeftReason,
} from "./options.js";
import type { Offer } from "./peer.js";
import type { ChatResult, JoinResult, LeaveReason, Message, Participant, Role, Slot } from "./protocol.js";
import { Roster } from "./roster.js";
import type { Rejoin, Session } from "./session.js";
import { Sound } from "./sound.js";

const DEFAULT_SLOTS = 10;
const JOIN_TRIES = 3;
const NOBODY: ReadonlyMap<string, Participant> = new Map();

/**
 * A room that we are in, from `Client.join` to `leave` (or the `left` event). It stays the same object over reconnects.
 */
export class Room extends Emitter<RoomEvents> {
  readonly name: string;
  readonly #session: Session;
  readonly #sound: Sound;
  readonly #chat: ChatLog;
  /** What we told of ourselves, to be told again in another life of the room. */
  readonly #told: { hand?: boolean; attributes?: Record<string, string> } = {};
  // These are there from the answer to the first `join` on, before anyone has the room.
  #link!: Link;
  #selfId!: string;
  #mute!: Mute;
  #roster!: Roster;
  /** As last seen, for the moment between being removed and being told. */
  #selfBefore!: Participant;
  #leftBecause: LeaveReason | undefined;
  #left = false;

  private constructor(session: Session, name: string, options: JoinOptions) {
    super();
    this.name = name;
    this.#session = session;
    const slots = Math.min(session.welcome.limits.slots, Math.max(0, options.slots ?? DEFAULT_SLOTS));
    this.#sound = new Sound(slots, slots > 0 || Boolean(options.microphone), {
      configuration: () => ({ iceServers: [...session.welcome.iceServers] }),
      negotiate: (offer) => this.#link.request("negotiate", offer),
      join: (offer) => this.#joinAgain(offer),
      participants: () => this.#roster?.participants ?? NOBODY,
      selfId: () => this.#selfId,
      roundTrip: () => this.#link?.roundTrip,
      emit: (event, ...args) => this.emit(event, ...args),
    });
    this.#chat = new ChatLog({
      history: (after) => this.#fetchHistory(after === undefined ? { limit: 200 } : { after, limit: 200 }),
      message: (message) => this.emit("message", message),
      changed: () => this.emit("messages"),
    });
  }

  /** @internal Use `Client.join`. `owned`: the room may stop the track. */
  static async enter(session: Session, name: string, options: JoinOptions, microphone: MediaStreamTrack | null, owned: boolean): Promise<Room> {
    const room = new Room(session, name, options);
    room.#sound.begin(microphone, owned);
    try {
      await room.#enter(options.muted ?? microphone === null);
      return room;
    } catch (error) {
      room.#release();
      throw error;
    }
  }

  get createdAt(): number {
    return this.#roster.info.createdAt;
  }

  get limit(): number {
    return this.#roster.info.limit;
  }

  /** Oneself, and after leaving as one was; `muted` is what was last asked for, without waiting for the server. */
  get self(): Participant {
    return this.#roster.participants.get(this.#selfId) ?? this.#selfBefore;
  }

  /** Everyone in the room, oneself included, by participant id and in order of joining. A new map after each change. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#roster.participants;
  }

  get slots(): readonly Slot[] {
    return this.#sound.media.slots;
  }

  get mediaState(): MediaState {
    return this.#sound.media.state;
  }

  get mediaProblem(): MediaProblem | undefined {
    return this.#sound.media.problem;
  }

  get muted(): boolean {
    return this.#mute.muted;
  }

  get deafened(): boolean {
    return this.#sound.media.listening.deafened;
  }

  get microphone(): MediaStreamTrack | null {
    return this.#sound.microphone;
  }

  /** 0 to 1: what the microphone hears now, muted or not ("you are muted"). */
  get microphoneLevel(): number {
    return this.#sound.microphoneLevel;
  }

  /** The browser wants a click before it plays sound: call `resumePlayback` in one. */
  get playbackBlocked(): boolean {
    return this.#sound.media.playbackBlocked;
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
    if (!muted && !this.microphone) await this.#sound.acquireMicrophone();
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
    await this.#sound.setMicrophone(track);
  }

  /** Hear nobody. It does not mute the microphone. */
  setDeafened(deafened: boolean): void {
    this.#sound.media.setDeafened(deafened);
  }

  /** 0 to 1, for this person as long as we are in the room. On iOS only 0 has an effect. */
  setVolume(participantId: string, volume: number): void {
    this.#sound.setVolume(participantId, volume);
  }

  volume(participantId: string): number {
    return this.#sound.volume(participantId);
  }

  /** A device of `listSpeakers`; empty for the system's. Rejects with `unsupported` where browsers cannot (`canSelectSpeaker`). */
  setSpeaker(deviceId: string): Promise<void> {
    return this.#sound.setSpeaker(deviceId);
  }

  resumePlayback(): Promise<void> {
    return this.#sound.resumePlayback();
  }

  /** 0 to 1, how loud they are now, smoothed; made for requestAnimationFrame. */
  level(participantId: string): number {
    return this.#sound.level(participantId);
  }

  /** Without flicker between words. */
  isSpeaking(participantId: string): boolean {
    return this.#sound.isSpeaking(participantId);
  }

  /** The last reading; they are taken every two seconds. */
  quality(): Promise<ConnectionQuality> {
    return this.#sound.quality();
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
    this.emit("left", reason);
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
    if (method === "slots") this.#sound.media.setSlots(params["slots"] as Slot[]);
    else if (method === "chat") this.#chat.receive(params as unknown as Message);
    else this.#roster.apply(method, params);
  }

  /** @internal */
  hint(hint: Hint): void {
    this.#sound.hint(hint);
  }

  /** @internal Gets the room back on a new link. */
  async rejoin(link: Link, { resumed, moving }: Rejoin): Promise<{ heard: Promise<void> }> {
    let prepared = resumed && !moving && this.#sound.mayGoOn ? undefined : await this.#sound.prepare();
    let joined: JoinResult;
    try {
      joined = await this.#requestJoin(link, prepared?.description).catch(async (error: HubbubError) => {
        if (error.code !== 409 || prepared) throw error;
        // Another node than before: our sound is not there.
        prepared = await this.#sound.prepare();
        if (!prepared) throw error;
        return this.#requestJoin(link, prepared.description);
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
    if (prepared) return { heard: this.#sound.media.adopt(prepared, joined) };
    this.#sound.media.setSlots(joined.slots);
    this.#sound.media.checkUp();
    return { heard: Promise.resolve() };
  }

  async #enter(muted: boolean): Promise<void> {
    for (let tries = 1; ; tries++) {
      const link = await this.#session.ready();
      const prepared = await this.#sound.prepare();
      try {
        this.#begin(link, await this.#requestJoin(link, prepared?.description, muted), muted, prepared);
        return;
      } catch (error) {
        prepared?.peer.close();
        if (error instanceof HubbubError && error.isConnectionLoss && tries < JOIN_TRIES) continue;
        throw error;
      }
    }
  }

  #begin(link: Link, joined: JoinResult, muted: boolean, prepared: Prepared | undefined): void {
    this.#link = link;
    this.#selfId = joined.participant.id;
    this.#selfBefore = joined.participant;
    this.#mute = new Mute(muted, joined.participant.muted, {
      send: (value) => this.#session.request("update", { muted: value }, { repeat: true }),
      changed: (value) => this.#mutedChanged(value),
    });
    this.#sound.setMuted(this.muted);
    this.#roster = new Roster(joined.room, {
      arriving: (participant) => this.#withOwnMute(participant),
      joined: (participant) => this.emit("participantJoined", participant),
      updated: (participant, before) => this.emit("participantUpdated", participant, before),
      left: (participant, reason) => {
        if (participant.id === this.#selfId) {
          this.#selfBefore = participant;
          this.#leftBecause = reason;
        }
        this.emit("participantLeft", participant, reason);
      },
      changed: () => this.emit("participants"),
      gap: () => void this.#joinAgain().catch(() => this.#roster.snapshotFailed()),
    });
    if (prepared) void this.#sound.media.adopt(prepared, joined);
    this.#chat.catchUp();
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
    this.#selfBefore = participant;
    this.#roster.reset(room, anew);
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
    this.#sound.setMuted(muted);
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

  #assertIn(): void {
    if (this.#left) throw new HubbubError(0, "closed", "we have left the room");
  }

  #release(): void {
    this.#left = true;
    this.#mute?.close();
    this.#sound.close();
  }
}

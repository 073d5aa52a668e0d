import type { CameraOptions } from "./camera.js";
import { ChatLog } from "./chatlog.js";
import { Emitter } from "./emitter.js";
import type { Hint } from "./environment.js";
import type { Link } from "./link.js";
import { Membership } from "./membership.js";
import { newNonce } from "./nonce.js";
import type {
  ConnectionQuality, HistoryOptions, JoinOptions, MediaProblem, MediaState, RoomEvents, RoomLeftReason,
} from "./options.js";
import type { ChatResult, Message, Participant, Role, Slot } from "./protocol.js";
import type { Rejoin, Session } from "./session.js";
import { Sound } from "./sound.js";
import { Vision } from "./vision.js";

const DEFAULT_SLOTS = 10;

/**
 * A room that we are in, from `Client.join` to `leave` (or the `left` event). It stays the same object over reconnects.
 */
export class Room extends Emitter<RoomEvents> {
  readonly name: string;
  readonly #session: Session;
  readonly #sound: Sound;
  readonly #vision: Vision;
  readonly #chat: ChatLog;
  readonly #membership: Membership;

  private constructor(session: Session, name: string, options: JoinOptions) {
    super();
    this.name = name;
    this.#session = session;
    const emit = <K extends keyof RoomEvents>(event: K, ...args: Parameters<RoomEvents[K]>) => this.emit(event, ...args);
    const slots = Math.min(session.welcome.limits.slots, Math.max(0, options.slots ?? DEFAULT_SLOTS));
    const { video } = options;
    this.#sound = new Sound(slots, video, slots > 0 || Boolean(options.microphone) || video !== undefined, {
      configuration: () => ({ iceServers: [...session.welcome.iceServers] }),
      negotiate: (offer) => this.#membership.link!.request("negotiate", offer),
      join: (offer) => this.#membership.joinAgain(offer),
      ready: () => session.ready(),
      slots: (now) => {
        this.#vision.setSlots(now);
        emit("slots", now);
      },
      pictures: (receivers) => this.#vision.attach(receivers),
      shown: () => this.#vision.trackIds,
      participants: () => this.#membership.participants,
      selfId: () => this.#membership.selfId,
      roundTrip: () => this.#membership.link?.roundTrip,
      emit,
    });
    this.#vision = new Vision(this.#sound.media, {
      connect: () => this.#sound.connect(),
      update: (shown) => this.#membership.update(shown),
      emit,
    });
    this.#chat = new ChatLog({
      history: (after) => this.#fetchHistory(after === undefined ? { limit: 200 } : { after, limit: 200 }),
      message: (message) => emit("message", message),
      changed: () => emit("messages"),
    });
    this.#membership = new Membership({ session, name, sound: this.#sound, vision: this.#vision, chat: this.#chat, emit });
  }

  /** @internal Use `Client.join`. `owned`: the room may stop the track. */
  static async enter(session: Session, name: string, options: JoinOptions, microphone: MediaStreamTrack | null, owned: boolean): Promise<Room> {
    const room = new Room(session, name, options);
    room.#sound.begin(microphone, owned);
    try {
      await room.#membership.enter(options.muted ?? microphone === null);
      return room;
    } catch (error) {
      room.#release();
      throw error;
    }
  }

  get createdAt(): number {
    return this.#membership.info.createdAt;
  }

  get limit(): number {
    return this.#membership.info.limit;
  }

  /** Oneself, and after leaving as one was; `muted` is what was last asked for, without waiting for the server. */
  get self(): Participant {
    return this.#membership.self;
  }

  /** Everyone in the room, oneself included, by participant id and in order of joining. A new map after each change. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#membership.participants;
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
    return this.#membership.muted;
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
   * Muted, no sound at all is sent, from this very moment, that of a shared screen included; unmuted, sound goes out at once, and the
   * server lets it through when it knows. Without a microphone, `false` asks for the default one first, and rejects with a
   * `MicrophoneError` if there is none.
   */
  async setMuted(muted: boolean): Promise<void> {
    this.#membership.assertIn();
    if (!muted && !this.microphone) await this.#sound.acquireMicrophone();
    await this.#membership.setMuted(muted);
  }

  async setHand(raised: boolean): Promise<void> {
    await this.#membership.tell({ hand: raised });
  }

  async setName(name: string): Promise<void> {
    await this.#membership.update({ name });
    this.#session.rename(name);
  }

  /** All of them: those not named are gone. */
  async setAttributes(attributes: Record<string, string>): Promise<void> {
    await this.#membership.tell({ attributes });
  }

  /** Another microphone, or none, without a gap in the connection. The track stays the caller's to stop. */
  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#membership.assertIn();
    await this.#sound.setMicrophone(track);
  }

  /**
   * Sees others, as many as `slots` at once. The first time, this (or one's own camera or screen) negotiates once on the connection that is
   * there; afterwards cameras and screens come and go without. Fewer than before change nothing. Rejects when the server refuses it.
   */
  async showVideo(slots: number): Promise<void> {
    this.#membership.assertIn();
    await this.#vision.showVideo(slots);
  }

  /** What we show; null while the camera is off. */
  get camera(): MediaStreamTrack | null {
    return this.#vision.camera;
  }

  /** Shows this track, or nothing, without a gap in the connection; others see it in `participant.camera`. The track stays the caller's to stop. */
  async setCamera(track: MediaStreamTrack | null): Promise<void> {
    this.#membership.assertIn();
    await this.#vision.setCamera(track);
  }

  /**
   * Turns the camera on, or takes another one. The room stops it when it is turned off (`setCamera(null)`), replaced, or left. Rejects with
   * a `CameraError`, and leaves everything as it was.
   */
  async acquireCamera(options?: CameraOptions): Promise<void> {
    this.#membership.assertIn();
    await this.#vision.acquireCamera(options);
  }

  /** The screen that we share, with its sound if there is any. */
  get screen(): MediaStream | null {
    return this.#vision.screen;
  }

  /**
   * Shares this stream (which stays the caller's), or asks for a screen, which needs a click; others see it in `participant.screen`. Ends
   * by `stopScreen`, or by the browser's own button. Rejects with a `ScreenError`.
   */
  async shareScreen(stream?: MediaStream): Promise<void> {
    this.#membership.assertIn();
    await this.#vision.shareScreen(stream);
  }

  async stopScreen(): Promise<void> {
    await this.#vision.stopScreen();
  }

  /**
   * Someone else's picture; null while there is none. Play it in a `<video>` without sound. A slot's track goes on to the next person: look
   * again at each `video` event. Whether their camera is on says `participant.camera`, which may be a moment ahead.
   */
  videoOf(participantId: string, source: "camera" | "screen"): MediaStreamTrack | null {
    return this.#vision.of(participantId, source);
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
    this.#membership.assertIn();
    const { id, seq, time } = await this.#session.request<ChatResult>("chat", { text, nonce: newNonce() }, { repeat: true });
    const { id: participant, user, name } = this.self;
    const message: Message = { id, seq, participant, user: { id: user, name }, text, time };
    this.#chat.receive(message);
    return message;
  }

  /** Older messages; those before the first of `messages` are put there. */
  async history(options: HistoryOptions = {}): Promise<Message[]> {
    this.#membership.assertIn();
    const found = await this.#fetchHistory(options);
    this.#chat.prepend(found);
    return found;
  }

  /** For hosts. `role` goes with the action of that name. */
  async moderate(participantId: string, action: "mute" | "remove" | "ban" | "role", role?: Role): Promise<void> {
    this.#membership.assertIn();
    const params = role === undefined ? { participant: participantId, action } : { participant: participantId, action, role };
    await this.#session.request("moderate", params, { repeat: false });
  }

  /** Sound and pictures end at once; resolves when the server knows. The client stays connected. */
  async leave(): Promise<void> {
    if (this.hasLeft) return;
    const { link } = this.#membership;
    this.close("left");
    await link?.request("leave").catch(() => undefined); // the line is gone: the grace time ends it
  }

  /** @internal The room is over for us. */
  close(reason: RoomLeftReason): void {
    if (this.hasLeft) return;
    this.#release();
    this.emit("left", reason);
  }

  /** @internal */
  get hasLeft(): boolean {
    return this.#membership.left;
  }

  /** @internal Whether the server told us that it was a ban, before it closed the connection. */
  get banned(): boolean {
    return this.#membership.banned;
  }

  /** @internal */
  notification(link: Link, method: string, params: Record<string, unknown>): void {
    this.#membership.notification(link, method, params);
  }

  /** @internal */
  hint(hint: Hint): void {
    this.#sound.hint(hint);
  }

  /** @internal Gets the room back on a new link. */
  rejoin(link: Link, how: Rejoin): Promise<{ heard: Promise<void> }> {
    return this.#membership.rejoin(link, how);
  }

  async #fetchHistory(options: HistoryOptions): Promise<Message[]> {
    const { messages } = await this.#session.request<{ messages: Message[] }>("history", options, { repeat: true });
    return messages;
  }

  #release(): void {
    this.#membership.release();
    this.#sound.close();
    this.#vision.close();
  }
}

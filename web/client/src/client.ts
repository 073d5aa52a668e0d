import { Calls } from "./calls.js";
import { Emitter } from "./emitter.js";
import { onPageGone } from "./environment.js";
import { HubbubError } from "./errors.js";
import { acquireMicrophone } from "./microphone.js";
import type { ClientEvents, ClientOptions, ConnectionState, Ended, JoinOptions } from "./options.js";
import type { Call, CallMedia, Limits, OnlineUser, RoomSummary, User, Whisper, WhisperReceipt } from "./protocol.js";
import { Room } from "./room.js";
import { Session } from "./session.js";
import { signalUrl } from "./url.js";
import { Whispers } from "./whispers.js";

/**
 * One user's connection to a Hubbub server. Connects on `connect` or `join`, and from then on keeps itself connected: whatever breaks, the user,
 * the room and the sound come back by themselves, unless `ended` says otherwise.
 */
export class Client extends Emitter<ClientEvents> {
  readonly #session: Session;
  readonly #whispers: Whispers;
  readonly #calls: Calls;
  #room: Room | undefined;
  #joining: Promise<unknown> = Promise.resolve();
  #stopListening: (() => void) | undefined;

  constructor(options: ClientOptions = {}) {
    super();
    this.#session = new Session(signalUrl(options.url), options, {
      state: (state, detail) => this.emit("state", state, detail),
      welcomed: (welcome) => this.#calls.restore(welcome.calls),
      notification: (link, method, params) => {
        if (method === "whisper") this.#whispers.receive(link, params as unknown as Whisper);
        else if (method === "call") this.#calls.receive((params as unknown as { call: Call }).call);
        else this.room?.notification(link, method, params);
      },
      rejoin: async (link, how) => (await this.room?.rejoin(link, how)) ?? { heard: Promise.resolve() },
      hint: (hint) => this.room?.hint(hint),
      ended: (why) => this.#ended(why),
    });
    this.#whispers = new Whispers(
      (method, params, how) => this.#session.request(method, params, how),
      (whisper) => this.emit("whisper", whisper),
    );
    this.#calls = new Calls(
      (method, params, how) => this.#session.request(method, params, how),
      (call) => this.emit("call", call),
    );
  }

  get state(): ConnectionState {
    return this.#session.state;
  }

  /** Who we are, once connected. A guest is another after a long absence. */
  get user(): User | undefined {
    return this.#session.known?.user;
  }

  get limits(): Limits | undefined {
    return this.#session.known?.limits;
  }

  /** The room we are in. */
  get room(): Room | undefined {
    return this.#room?.hasLeft ? undefined : this.#room;
  }

  /** Calls from us and to us that ring or are accepted, the oldest first. A new array after each change. */
  get calls(): readonly Call[] {
    return this.#calls.open;
  }

  /** Milliseconds to the server and back, over the WebSocket. */
  get roundTrip(): number | undefined {
    return this.#session.link?.roundTrip;
  }

  /** Rejects when the server cannot be reached or does not take us; nothing goes on in the background then. */
  async connect(): Promise<User> {
    this.#stopListening ??= onPageGone(() => this.#shut());
    return (await this.#session.connect()).user;
  }

  /**
   * Connects if need be, leaves the room that we are in (unless it is this one), and joins. Resolves when the server has taken us in; the sound follows within a
   * moment (`Room.mediaState`). Rejects with a `MicrophoneError` or a `HubbubError`.
   */
  join(name: string, options: JoinOptions = {}): Promise<Room> {
    const joined = this.#joining.then(() => this.#join(name, options));
    this.#joining = joined.catch(() => undefined);
    return joined;
  }

  /**
   * A text for one user, wherever they are. Resolves when a device of theirs has it (`delivered`), or the server keeps it for them
   * (`stored`). Over a reconnect it is sent again, and arrives once.
   */
  whisper(to: string, text: string): Promise<WhisperReceipt> {
    return this.#whispers.send(to, text);
  }

  /**
   * Rings at all devices of a user. When one of them accepts, `call` says so, and the two `join` the call's room. Rejects with `offline` (480), `busy`
   * (486), or `forbidden`.
   */
  call(to: string, media: CallMedia = "audio"): Promise<Call> {
    return this.#calls.call(to, media);
  }

  /** Rejects with `conflict` when it was answered elsewhere, or is over. Not sent again when the line breaks: `calls` tells then how it stands. */
  answer(call: string, accept: boolean): Promise<Call> {
    return this.#calls.answer(call, accept);
  }

  /** Cancels a call that rings, ends one that is accepted. One that is over already stays so. */
  hangup(call: string): Promise<Call | undefined> {
    return this.#calls.hangup(call);
  }

  /** Who is online, in a room or anywhere. */
  async users(room?: string): Promise<OnlineUser[]> {
    const params = room === undefined ? {} : { room };
    return (await this.#session.request<{ users: OnlineUser[] }>("users", params, { repeat: true })).users;
  }

  async rooms(): Promise<RoomSummary[]> {
    return (await this.#session.request<{ rooms: RoomSummary[] }>("rooms", {}, { repeat: true })).rooms;
  }

  /** Leaves room and server at once, and releases everything. The client may be used again. */
  async close(): Promise<void> {
    this.#shut();
  }

  /**
   * As `close`, but without leaving: to the others it looks like a broken line. For a page that is about to be reloaded, in its `pagehide`: what this returns is
   * the next page's `ClientOptions.resume`, good for the server's grace time. Undefined while not connected.
   */
  suspend(): string | undefined {
    const resume = this.#session.suspend();
    this.#drop("closed");
    return resume;
  }

  async #join(name: string, options: JoinOptions): Promise<Room> {
    if (this.room?.name === name) return this.room;
    await this.room?.leave();
    const { microphone } = options;
    const owned = microphone === true;
    // Side by side: the person may have to be asked.
    const [track, connected] = await Promise.allSettled([owned ? acquireMicrophone() : trackOf(microphone), this.connect()]);
    if (track.status === "rejected") throw track.reason;
    if (connected.status === "rejected") {
      if (owned) track.value?.stop();
      throw connected.reason;
    }
    const room = await Room.enter(this.#session, name, options, track.value, owned);
    if (this.state === "closed") {
      room.close("closed");
      throw new HubbubError(0, "closed", "the client was closed");
    }
    return (this.#room = room);
  }

  #ended(why: Ended): void {
    const told: Ended = why.reason === "removed" && this.room?.banned ? { ...why, reason: "banned" } : why;
    this.#drop(told.reason);
    this.emit("ended", told);
  }

  #shut(): void {
    this.#drop("closed");
    this.#session.close();
  }

  #drop(reason: Ended["reason"] | "closed"): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#room?.close(reason);
    this.#room = undefined;
  }
}

function trackOf(microphone: MediaStreamTrack | MediaStream | false | undefined): MediaStreamTrack | null {
  if (!microphone) return null;
  return "getAudioTracks" in microphone ? (microphone.getAudioTracks()[0] ?? null) : microphone;
}

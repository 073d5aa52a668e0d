import type { ChatLog } from "./chatlog.js";
import { HubbubError } from "./errors.js";
import type { Link } from "./link.js";
import type { Answered, Prepared } from "./media.js";
import { Mute } from "./mute.js";
import type { RoomEvents } from "./options.js";
import type { Offer } from "./peer.js";
import type { JoinResult, LeaveReason, Message, Participant, Slot } from "./protocol.js";
import { Roster } from "./roster.js";
import type { Rejoin, Session } from "./session.js";
import type { Sound } from "./sound.js";
import type { Vision } from "./vision.js";

const JOIN_TRIES = 3;
const NOBODY: ReadonlyMap<string, Participant> = new Map();

export interface MembershipParts {
  session: Session;
  /** The room's name. */
  name: string;
  sound: Sound;
  vision: Vision;
  chat: ChatLog;
  emit: <K extends keyof RoomEvents>(event: K, ...args: Parameters<RoomEvents[K]>) => void;
}

/**
 * Our place in a room, as the server has it: gets it, gets it back on each new link, and keeps up with what is told there. What the server
 * says of others goes to the roster, what it says of us is brought together with what we want.
 */
export class Membership {
  readonly #parts: MembershipParts;
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

  constructor(parts: MembershipParts) {
    this.#parts = parts;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  get selfId(): string {
    return this.#selfId;
  }

  get self(): Participant {
    return this.participants.get(this.#selfId) ?? this.#selfBefore;
  }

  get participants(): ReadonlyMap<string, Participant> {
    return this.#roster?.participants ?? NOBODY;
  }

  get info(): Roster["info"] {
    return this.#roster.info;
  }

  get muted(): boolean {
    return this.#mute.muted;
  }

  get left(): boolean {
    return this.#left;
  }

  /** Whether the server told us that it was a ban, before it closed the connection. */
  get banned(): boolean {
    return this.#leftBecause === "banned";
  }

  setMuted(muted: boolean): Promise<void> {
    return this.#mute.set(muted);
  }

  async update(change: object): Promise<void> {
    this.assertIn();
    await this.#parts.session.request("update", change, { repeat: true });
  }

  /** As `update`, and again in another life of the room. */
  async tell(change: { hand?: boolean; attributes?: Record<string, string> }): Promise<void> {
    await this.update(change);
    Object.assign(this.#told, change);
  }

  assertIn(): void {
    if (this.#left) throw new HubbubError(0, "closed", "we have left the room");
  }

  /** The first `join`. */
  async enter(muted: boolean): Promise<void> {
    for (let tries = 1; ; tries++) {
      const link = await this.#parts.session.ready();
      const prepared = await this.#parts.sound.prepare();
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

  /** Gets the room back on a new link. `heard` is when the media have gone over to it. */
  async rejoin(link: Link, { resumed, moving }: Rejoin): Promise<{ heard: Promise<void> }> {
    const { sound } = this.#parts;
    let prepared = resumed && !moving && sound.mayGoOn ? undefined : await sound.prepare();
    let joined: JoinResult;
    try {
      joined = await this.#requestJoin(link, prepared?.description).catch(async (error: HubbubError) => {
        if (error.code !== 409 || prepared) throw error;
        // Another node than before: our media are not there.
        prepared = await sound.prepare();
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
    if (prepared) return { heard: sound.media.adopt(prepared, joined) };
    sound.media.setSlots(joined.slots);
    sound.media.checkUp();
    return { heard: Promise.resolve() };
  }

  /** A snapshot, and with an offer a new connection for the media, on the link that we have. */
  async joinAgain(offer?: Offer): Promise<Answered> {
    const link = this.#link;
    const joined = await this.#requestJoin(link, offer);
    if (link === this.#link && !this.#left) this.#joined(joined);
    return joined;
  }

  notification(link: Link, method: string, params: Record<string, unknown>): void {
    if (link !== this.#link || this.#left) return;
    if (method === "slots") this.#parts.sound.media.setSlots(params["slots"] as Slot[]);
    else if (method === "chat") this.#parts.chat.receive(params as unknown as Message);
    else this.#roster.apply(method, params);
  }

  /** It is over for us; nothing is told to the server. */
  release(): void {
    this.#left = true;
    this.#mute?.close();
  }

  #begin(link: Link, joined: JoinResult, muted: boolean, prepared: Prepared | undefined): void {
    const { sound, vision, chat, emit } = this.#parts;
    this.#link = link;
    this.#selfId = joined.participant.id;
    this.#selfBefore = joined.participant;
    this.#mute = new Mute(muted, joined.participant.muted, {
      send: (value) => this.#parts.session.request("update", { muted: value }, { repeat: true }),
      changed: (value) => this.#mutedChanged(value),
    });
    sound.setMuted(this.muted);
    this.#roster = new Roster(joined.room, {
      arriving: (participant) => this.#withOwnMute(participant),
      joined: (participant) => emit("participantJoined", participant),
      updated: (participant, before) => {
        vision.participantUpdated(participant, before);
        emit("participantUpdated", participant, before);
      },
      left: (participant, reason) => {
        if (participant.id === this.#selfId) {
          this.#selfBefore = participant;
          this.#leftBecause = reason;
        }
        emit("participantLeft", participant, reason);
      },
      changed: () => emit("participants"),
      gap: () => void this.joinAgain().catch(() => this.#roster.snapshotFailed()),
    });
    vision.joined(joined.participant);
    if (prepared) void sound.media.adopt(prepared, joined);
    chat.catchUp();
  }

  #joined({ room, participant }: JoinResult): void {
    const { vision, chat } = this.#parts;
    const anew = participant.id !== this.#selfId;
    const otherRoom = room.createdAt !== this.info.createdAt;
    this.#selfId = participant.id;
    this.#selfBefore = participant;
    this.#roster.reset(room, anew);
    vision.joined(participant);
    if (otherRoom) chat.restart();
    chat.catchUp();
    if (anew && Object.keys(this.#told).length > 0) void this.update(this.#told).catch(() => undefined);
  }

  #requestJoin(link: Link, offer: Offer | undefined, muted = this.muted): Promise<JoinResult> {
    // `muted: false` is never said here: a host may have muted us while we were away.
    return link.request<JoinResult>("join", { room: this.#parts.name, ...offer, ...(muted ? { muted } : {}) });
  }

  /** Of ourselves we show what was last asked for; what the server says of it goes through `Mute`. */
  #withOwnMute(participant: Participant): Participant {
    if (participant.id !== this.#selfId) return participant;
    this.#mute.heard(participant.muted);
    return participant.muted === this.muted ? participant : { ...participant, muted: this.muted };
  }

  #mutedChanged(muted: boolean): void {
    this.#parts.sound.setMuted(muted);
    this.#roster?.patch(this.#selfId, { muted });
    this.#parts.emit("muted", muted);
  }
}

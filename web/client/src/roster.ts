import type { LeaveReason, Participant, RoomInfo, RoomSnapshot } from "./protocol.js";

export interface RosterHandlers {
  /** May put another in the place of one that the server told of. */
  arriving: (participant: Participant) => Participant;
  joined: (participant: Participant) => void;
  updated: (participant: Participant, before: Participant) => void;
  left: (participant: Participant, reason: LeaveReason) => void;
  /** After any of the above, and after a snapshot. */
  changed: () => void;
  /** An event is missing: only a new snapshot helps. Nothing but `reset` is taken until it comes. */
  gap: () => void;
}

/**
 * Who is in the room, kept up with the server's events. Each event raises the version by one, so that a missed one shows as a gap;
 * a snapshot then puts it right, and tells the difference in the same words as the events would have.
 */
export class Roster {
  readonly #handlers: RosterHandlers;
  #info: RoomInfo;
  #participants: ReadonlyMap<string, Participant>;
  #awaitingSnapshot = false;

  constructor(snapshot: RoomSnapshot, handlers: RosterHandlers) {
    this.#handlers = handlers;
    this.#info = infoOf(snapshot);
    this.#participants = this.#mapOf(snapshot);
  }

  get info(): RoomInfo {
    return this.#info;
  }

  /** A new map after each change, in order of joining. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#participants;
  }

  /** Takes one of the four notifications about the room's state. Versions already known are ignored. */
  apply(method: string, params: Record<string, unknown>): void {
    const version = params["version"];
    if (typeof version !== "number" || this.#awaitingSnapshot || version <= this.#info.version) return;
    if (version !== this.#info.version + 1) {
      this.#awaitingSnapshot = true;
      this.#handlers.gap();
      return;
    }
    this.#info = { ...this.#info, version };
    switch (method) {
      case "participant_joined":
      case "participant_updated":
        this.#put(this.#handlers.arriving(params["participant"] as Participant));
        break;
      case "participant_left":
        this.#remove(String(params["id"]), params["reason"] as LeaveReason);
        break;
      case "room_updated":
        this.#info = { ...this.#info, ...(params["room"] as Partial<RoomInfo>), version };
        break;
    }
    this.#handlers.changed();
  }

  /**
   * Takes a whole new state, whatever its version. `anew`: it is another life of the room, in which the same people have other
   * ids, so that comings and goings say nothing.
   */
  reset(snapshot: RoomSnapshot, anew = false): void {
    this.#awaitingSnapshot = false;
    this.#info = infoOf(snapshot);
    const participants = this.#mapOf(snapshot);
    const before = this.#participants;
    this.#participants = participants;
    if (anew) return this.#handlers.changed();
    for (const participant of before.values()) {
      // Why they left was in an event that was missed.
      if (!this.#participants.has(participant.id)) this.#handlers.left(participant, "left");
    }
    for (const participant of this.#participants.values()) {
      const old = before.get(participant.id);
      if (!old) this.#handlers.joined(participant);
      else if (differ(old, participant)) this.#handlers.updated(participant, old);
    }
    this.#handlers.changed();
  }

  /** The snapshot that `gap` asked for will not come: the next event may ask again. */
  snapshotFailed(): void {
    this.#awaitingSnapshot = false;
  }

  /** Changes what is shown of a participant ahead of the server. */
  patch(id: string, change: Partial<Participant>): void {
    const old = this.#participants.get(id);
    if (!old) return;
    this.#put({ ...old, ...change });
    this.#handlers.changed();
  }

  #put(participant: Participant): void {
    const old = this.#participants.get(participant.id);
    this.#participants = new Map(this.#participants).set(participant.id, participant);
    if (!old) this.#handlers.joined(participant);
    else if (differ(old, participant)) this.#handlers.updated(participant, old);
  }

  #remove(id: string, reason: LeaveReason): void {
    const old = this.#participants.get(id);
    if (!old) return;
    const participants = new Map(this.#participants);
    participants.delete(id);
    this.#participants = participants;
    this.#handlers.left(old, reason);
  }

  /** In order of joining. */
  #mapOf({ participants }: RoomSnapshot): ReadonlyMap<string, Participant> {
    const sorted = [...participants].sort((a, b) => a.joinedAt - b.joinedAt);
    return new Map(sorted.map((p) => [p.id, this.#handlers.arriving(p)]));
  }
}

function infoOf({ name, version, createdAt, limit }: RoomSnapshot): RoomInfo {
  return { name, version, createdAt, limit };
}

function differ(a: Participant, b: Participant): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

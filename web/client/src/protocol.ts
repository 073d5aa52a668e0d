/**
 * What goes over the wire, as `docs/protocol.md` has it: the objects, the results of methods, and the codes.
 * Nothing here is made by the client; the rest of the package turns it into `Client` and `Room`.
 */

/** The WebSocket subprotocol of version 1. */
export const SUBPROTOCOL = "hubbub.v1";

export type Role = "host" | "speaker" | "listener";
export type ParticipantState = "active" | "reconnecting";
export type LeaveReason = "left" | "timeout" | "removed" | "banned";
export type Source = "microphone" | "camera" | "screen" | "screen_audio";

/** Someone, wherever they are. */
export interface User {
  readonly id: string;
  readonly name: string;
}

/** Someone in a room. Objects are replaced when something changes, never modified. */
export interface Participant {
  /** Unique in the room; kept over reconnects. */
  readonly id: string;
  /** The user's id: the target of a whisper. */
  readonly user: string;
  readonly name: string;
  /** The contributing source that marks their sound in RTP (RFC 3550, section 5.1). */
  readonly csrc: number;
  readonly role: Role;
  readonly muted: boolean;
  readonly hand: boolean;
  readonly camera: boolean;
  readonly screen: boolean;
  readonly state: ParticipantState;
  /** Milliseconds since 1970, by the server's clock. */
  readonly joinedAt: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A room without who is in it, as `room_updated` carries it. */
export interface RoomInfo {
  readonly name: string;
  readonly version: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly createdAt: number;
  /** The most participants at once. */
  readonly limit: number;
}

export interface RoomSnapshot extends RoomInfo {
  readonly participants: readonly Participant[];
}

export interface Message {
  readonly id: string;
  /** Counts the room's messages from 1. */
  readonly seq: number;
  /** The sender's id in the room, who may have left since. */
  readonly participant: string;
  readonly user: User;
  readonly text: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly time: number;
}

export interface Whisper {
  readonly id: string;
  readonly from: User;
  /** The target's user id. */
  readonly to: string;
  readonly text: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly time: number;
  /** Where the sender was. */
  readonly room?: string;
}

export type CallMedia = "audio" | "video";

/** It begins with `ringing`, goes on with `accepted` or not, and ends with one of the others. */
export type CallState = "ringing" | "accepted" | "declined" | "cancelled" | "missed" | "ended";

/** One person calling another. Objects are replaced when something changes, never modified. */
export interface Call {
  readonly id: string;
  readonly from: User;
  readonly to: User;
  readonly media: CallMedia;
  /** Where the two talk once it is accepted: `join` it like any room. */
  readonly room: string;
  readonly state: CallState;
  /** When it stops ringing, milliseconds since 1970 by the server's clock. */
  readonly expiresAt: number;
}

/** One of the receive-only m-lines and who is heard on it. */
export interface Slot {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly participant: string | null;
  readonly source: string | null;
}

export interface Limits {
  /** Longest text, in Unicode code points. */
  readonly text: number;
  /** Largest `attributes`, in bytes of JSON. */
  readonly attributes: number;
  /** Most audio slots. */
  readonly slots: number;
  /** Requests per second, with a burst of twice that. */
  readonly ratePerSecond: number;
}

export interface ConnectResult {
  readonly session: string;
  readonly user: User;
  readonly resume: string;
  readonly resumed: boolean;
  readonly serverTime: number;
  readonly node: string;
  readonly iceServers: readonly RTCIceServer[];
  /** Those of ours that are not over. */
  readonly calls: readonly Call[];
  readonly limits: Limits;
}

export interface JoinResult {
  readonly room: RoomSnapshot;
  readonly participant: Participant;
  readonly answer?: string;
  readonly slots: readonly Slot[];
}

export interface NegotiateResult {
  readonly answer: string;
  readonly slots: readonly Slot[];
}

export interface ChatResult {
  readonly id: string;
  readonly seq: number;
  readonly time: number;
}

/** `delivered`: a device of theirs has acknowledged it. `stored`: it waits for them. */
export interface WhisperReceipt {
  readonly id: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly time: number;
  readonly status: "delivered" | "stored";
}

export interface OnlineUser extends User {
  readonly room?: string;
}

export interface RoomSummary {
  readonly name: string;
  readonly participants: number;
}

/** WebSocket close codes. */
export const CloseCode = {
  Left: 1000,
  GoingAway: 1001,
  ReconnectElsewhere: 1012,
  /** Ours: we gave up this connection (a dead line, or another took its place). It is not a leave. */
  Abandoned: 3000,
  Unauthorized: 4001,
  Removed: 4003,
  TooSlow: 4008,
  ProtocolError: 4009,
  Replaced: 4010,
  Flooding: 4029,
} as const;

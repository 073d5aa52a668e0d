import type { CameraError } from "./camera.js";
import type { HubbubError } from "./errors.js";
import type { MicrophoneError } from "./microphone.js";
import type { Call, LeaveReason, Message, Participant, Slot, Whisper } from "./protocol.js";

/**
 * - `idle`: not yet asked to connect (or the first attempt failed)
 * - `connecting`: the first attempt is under way
 * - `connected`
 * - `reconnecting`: the line broke; the client gets it and the room back by itself
 * - `closed`: for good, until `connect` or `join` is called again
 */
export type ConnectionState = "idle" | "connecting" | "connected" | "reconnecting" | "closed";

export interface ClientOptions {
  /** Where the server is, `https://host` or `wss://host/v1/signal`. Without it, where the page came from. */
  url?: string;
  /** The name to be seen under; enough for guests. */
  name?: string;
  /** The access token, or a function that gets a fresh one; it is called for each new connection. */
  token?: string | (() => Promise<string>);
  /** What `Client.suspend` gave, of a page before this one: the first `connect` goes on as that user, if it is not too late. */
  resume?: string;
  /** Said to the server, for its logs. */
  client?: { name: string; version: string };
}

export interface StateDetail {
  /** While reconnecting: when the next attempt begins, in milliseconds since 1970. Absent while one is under way. */
  retryAt?: number;
  /** What broke the connection. */
  error?: HubbubError;
}

/** Why the client has given up. `code` is the close code or the error's. */
export interface Ended {
  code: number;
  reason:
    | "left" // the server closed it as left
    | "removed"
    | "banned"
    | "replaced" // a newer session of the same user is in the room
    | "unauthorized"
    | "flooding"
    | "protocol_error"
    | "forbidden"
    | "not_found"
    | "room_full"
    | "invalid";
  message: string;
}

export type ClientEvents = {
  state: (state: ConnectionState, detail: StateDetail) => void;
  /** A whisper for us, once, already acknowledged. */
  whisper: (whisper: Whisper) => void;
  /** A call from us or to us has begun or changed its state, on whichever device. */
  call: (call: Call) => void;
  /** The connection has ended against our will and is not tried again. Not emitted after `close()`. */
  ended: (why: Ended) => void;
};

export interface JoinOptions {
  /**
   * What to talk with. `true`: ask for the default microphone, with good constraints for voice; `join` rejects with a
   * `MicrophoneError` when there is none. Absent or `false`: only listen for now; `setMicrophone`, or `setMuted(false)`, gets
   * one later. A track that you pass in stays yours: the room never stops it. A track that the room got by itself is
   * stopped by `leave`.
   */
  microphone?: MediaStreamTrack | MediaStream | boolean;
  /** How many voices can be heard at once, 10 unless told; `0` for none. The server may allow fewer (`limits.slots`). */
  slots?: number;
  /** Begin muted. */
  muted?: boolean;
  /**
   * How many pictures can be seen at once, 2 for a call, 12 at most. With a number, even `0`, the first offer has what cameras and screens
   * need, and the first picture comes sooner; without, that is negotiated when it is first needed. The server may allow fewer pictures, or
   * none.
   */
  video?: number;
}

/**
 * The state of the sound's own connection.
 * - `none`: no sound was asked for, or this browser has no WebRTC
 * - `connecting`, `connected`
 * - `disconnected`: it broke; it is being mended
 * - `failed`: it could not be had; it is tried again now and then
 */
export type MediaState = "none" | "connecting" | "connected" | "disconnected" | "failed";

/**
 * Why there is no sound:
 * - `blocked`: packets never got through; UDP and TCP to the server's media ports are probably blocked
 * - `lost`: it worked before; the network is away
 * - `rejected`: the server did not accept the offer
 * - `unsupported`: this browser has no WebRTC, or it is switched off
 */
export type MediaProblem = "blocked" | "lost" | "rejected" | "unsupported";

export type QualityScore = "good" | "fair" | "poor" | "lost";

/** A picture that is received, over the last two seconds (webrtc-stats: `frameWidth`, `frameHeight`, `framesPerSecond`, `freezeCount`). */
export interface VideoQuality {
  /** Pixels, as sent, which may be fewer than were captured. */
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  /** How often it stood still in that time. */
  readonly freezes: number;
}

/** The own connection, over the last two seconds. What could not be measured is undefined. */
export interface ConnectionQuality {
  /** Of the sound. */
  readonly score: QualityScore;
  /** Milliseconds there and back, of the media path if known, else of the signalling. */
  readonly roundTrip: number | undefined;
  /** Share of packets lost, 0 to 1, the worse of both directions. */
  readonly loss: number | undefined;
  /** Milliseconds, the worst of what is received (RFC 3550, section 6.4.1). */
  readonly jitter: number | undefined;
  /** Share of played sound that was made up because packets were missing, 0 to 1. */
  readonly concealment: number | undefined;
  /** Of the largest picture that is received; undefined while there is none. */
  readonly video?: VideoQuality | undefined;
}

export interface HistoryOptions {
  /** Only what comes before this `seq`. */
  before?: number;
  /** Only what comes after this `seq`. */
  after?: number;
  /** At most so many, up to 200. */
  limit?: number;
}

/** What `room.left` says: a `LeaveReason`, or why the client ended. */
export type RoomLeftReason = LeaveReason | Ended["reason"] | "closed";

export type RoomEvents = {
  participantJoined: (participant: Participant) => void;
  participantUpdated: (participant: Participant, before: Participant) => void;
  participantLeft: (participant: Participant, reason: LeaveReason) => void;
  /** Anything about who is in the room has changed, once for each change or snapshot. */
  participants: () => void;
  /** A message that was sent since we joined, in order of `seq`; one's own too. */
  message: (message: Message) => void;
  /** `messages` has changed: a new one, or older ones from the history. */
  messages: () => void;
  slots: (slots: readonly Slot[]) => void;
  media: (state: MediaState, problem: MediaProblem | undefined) => void;
  speaking: (participantId: string, speaking: boolean) => void;
  playbackBlocked: (blocked: boolean) => void;
  /** We are muted or not any more; by a host too. */
  muted: (muted: boolean) => void;
  /** The microphone has changed: by `setMicrophone`, or because the device went away (null and an error) or came back. */
  microphone: (track: MediaStreamTrack | null, error: MicrophoneError | undefined) => void;
  /** What `Room.videoOf` says has changed: someone's picture came, went, or is another track now. */
  video: () => void;
  /** Our camera has changed: by us, or because the device went away (another one was taken, or null and an error). */
  camera: (track: MediaStreamTrack | null, error: CameraError | undefined) => void;
  /** Our screen has changed; null also when the person ended it by the browser's own button. */
  screen: (stream: MediaStream | null) => void;
  quality: (quality: ConnectionQuality) => void;
  /** We are out of the room. Nothing comes after this. */
  left: (reason: RoomLeftReason) => void;
};

import type { Emitter } from "./emitter.js";
import type {
  ClientEvents, ClientOptions, ConnectionQuality, ConnectionState, HistoryOptions, JoinOptions, MediaProblem, MediaState, RoomEvents,
} from "./options.js";
import type { AudioDevice, LevelMeter, MicrophoneOptions } from "./microphone.js";
import type { Limits, Message, OnlineUser, Participant, Role, RoomSummary, Slot, User, WhisperReceipt } from "./protocol.js";

export { HubbubError } from "./errors.js";
export { Emitter } from "./emitter.js";
export { MicrophoneError } from "./microphone.js";
export type { MicrophoneProblem, MicrophoneOptions, AudioDevice, LevelMeter } from "./microphone.js";
export type * from "./options.js";
export type {
  Limits, Message, OnlineUser, Participant, ParticipantState, LeaveReason, Role, RoomSummary, Slot, Source, User, Whisper, WhisperReceipt,
} from "./protocol.js";

export declare class Client extends Emitter<ClientEvents> {
  constructor(options?: ClientOptions);
  get state(): ConnectionState;
  get user(): User | undefined;
  get limits(): Limits | undefined;
  get room(): Room | undefined;
  /** Milliseconds to the server and back, over the WebSocket. */
  get roundTrip(): number | undefined;
  connect(): Promise<User>;
  join(name: string, options?: JoinOptions): Promise<Room>;
  whisper(to: string, text: string): Promise<WhisperReceipt>;
  users(room?: string): Promise<OnlineUser[]>;
  rooms(): Promise<RoomSummary[]>;
  close(): Promise<void>;
}

export declare class Room extends Emitter<RoomEvents> {
  private constructor();
  get name(): string;
  get createdAt(): number;
  get limit(): number;
  /** Oneself; `muted` is what was last asked for, without waiting for the server. */
  get self(): Participant;
  /** Everyone in the room, oneself included, by participant id. */
  get participants(): ReadonlyMap<string, Participant>;
  get slots(): readonly Slot[];
  get mediaState(): MediaState;
  get mediaProblem(): MediaProblem | undefined;
  get muted(): boolean;
  get deafened(): boolean;
  get microphone(): MediaStreamTrack | null;
  /** 0 to 1: what the microphone hears now, muted or not ("you are muted"). */
  get microphoneLevel(): number;
  get playbackBlocked(): boolean;
  get messages(): readonly Message[];
  setMuted(muted: boolean): Promise<void>;
  setHand(raised: boolean): Promise<void>;
  setName(name: string): Promise<void>;
  setAttributes(attributes: Record<string, string>): Promise<void>;
  setMicrophone(track: MediaStreamTrack | null): Promise<void>;
  setDeafened(deafened: boolean): void;
  setVolume(participantId: string, volume: number): void;
  volume(participantId: string): number;
  setSpeaker(deviceId: string): Promise<void>;
  resumePlayback(): Promise<void>;
  level(participantId: string): number;
  isSpeaking(participantId: string): boolean;
  quality(): Promise<ConnectionQuality>;
  chat(text: string): Promise<Message>;
  history(options?: HistoryOptions): Promise<Message[]>;
  moderate(participantId: string, action: "mute" | "remove" | "ban" | "role", role?: Role): Promise<void>;
  leave(): Promise<void>;
}

export declare function listMicrophones(): Promise<AudioDevice[]>;
export declare function listSpeakers(): Promise<AudioDevice[]>;
export declare function canSelectSpeaker(): boolean;
export declare function acquireMicrophone(options?: MicrophoneOptions): Promise<MediaStreamTrack>;
export declare function microphonePermission(): Promise<"granted" | "denied" | "prompt" | "unknown">;
export declare function onDevicesChanged(listener: () => void): () => void;
export declare function createLevelMeter(track: MediaStreamTrack | null): LevelMeter;

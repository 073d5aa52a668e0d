/**
 * Voice rooms in the browser: the client of a Hubbub server. Begin with `Client`.
 */
export { Client } from "./client.js";
export { Room } from "./room.js";
export { HubbubError } from "./errors.js";
export { Emitter } from "./emitter.js";
export {
  acquireMicrophone, canSelectSpeaker, createLevelMeter, listMicrophones, listSpeakers, microphonePermission, MicrophoneError, onDevicesChanged,
} from "./microphone.js";
export type { AudioDevice, LevelMeter, MicrophoneOptions, MicrophoneProblem } from "./microphone.js";
export type * from "./options.js";
export type {
  Call, CallMedia, CallState, LeaveReason, Limits, Message, OnlineUser, Participant, ParticipantState, Role, RoomSummary, Slot, Source, User, Whisper, WhisperReceipt,
} from "./protocol.js";

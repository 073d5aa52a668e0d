/**
 * Voice and video rooms in the browser: the client of a Hubbub server. Begin with `Client`.
 */
export { Client } from "./client.js";
export { Room } from "./room.js";
export { HubbubError } from "./errors.js";
export { Emitter } from "./emitter.js";
export {
  acquireMicrophone, canSelectSpeaker, createLevelMeter, listMicrophones, listSpeakers, microphonePermission, MicrophoneError, onDevicesChanged,
} from "./microphone.js";
export type { AudioDevice, LevelMeter, MicrophoneOptions, MicrophoneProblem } from "./microphone.js";
export { acquireCamera, CameraError, listCameras } from "./camera.js";
export type { CameraOptions, CameraProblem, VideoDevice } from "./camera.js";
export { canShareScreen, ScreenError } from "./screen.js";
export type { ScreenProblem } from "./screen.js";
export type * from "./options.js";
export type {
  Call, CallMedia, CallState, LeaveReason, Limits, Message, OnlineUser, Participant, ParticipantState, Role, RoomSummary, Slot, Source, User, Whisper, WhisperReceipt,
} from "./protocol.js";

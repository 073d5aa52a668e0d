import { CaptureMeter } from "./meter.js";

/**
 * - `denied`: the person or the browser's settings refused it
 * - `missing`: there is no (such) microphone
 * - `busy`: it is there but cannot be read, mostly because another program has it
 * - `insecure`: browsers give microphones only to pages from HTTPS or localhost
 */
export type MicrophoneProblem = "denied" | "missing" | "busy" | "insecure";

export class MicrophoneError extends Error {
  readonly reason: MicrophoneProblem;

  constructor(reason: MicrophoneProblem, message: string) {
    super(message);
    this.name = "MicrophoneError";
    this.reason = reason;
  }
}

export interface MicrophoneOptions {
  /** From `listMicrophones`; the browser's default without it. */
  deviceId?: string;
  /** All three are on unless told otherwise. */
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
}

export interface AudioDevice {
  readonly id: string;
  /** Empty until the page has been allowed a microphone. */
  readonly label: string;
}

export interface LevelMeter {
  /** 0 to 1, now, smoothed; read it in requestAnimationFrame. */
  readonly level: number;
  /** Follows another track (or none) from now on. */
  setTrack(track: MediaStreamTrack | null): void;
  /** Browsers let no Web Audio run before the page was touched; call it in a click if `level` stays 0. */
  resume(): Promise<void>;
  close(): void;
}

/** Asks for a microphone. Rejects with a `MicrophoneError` that names the kind of help needed. The track is the caller's to stop. */
export async function acquireMicrophone(options: MicrophoneOptions = {}): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new MicrophoneError("insecure", "the browser gives microphones only to pages from HTTPS or localhost");
  }
  const { deviceId, echoCancellation = true, noiseSuppression = true, autoGainControl = true } = options;
  const audio: MediaTrackConstraints = { echoCancellation, noiseSuppression, autoGainControl, channelCount: { ideal: 1 } };
  if (deviceId) audio.deviceId = { exact: deviceId };
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (cause) {
    const error = explain(cause);
    error.cause = cause;
    throw error;
  }
  const track = stream.getAudioTracks()[0];
  if (!track) throw new MicrophoneError("missing", "the browser gave no audio track");
  track.contentHint = "speech";
  return track;
}

/** What to ask for to get another one with the same processing. */
export function sameProcessing(track: MediaStreamTrack): MicrophoneOptions {
  const { echoCancellation, noiseSuppression, autoGainControl } = track.getSettings() as MicrophoneOptions;
  const options: MicrophoneOptions = {};
  if (echoCancellation !== undefined) options.echoCancellation = Boolean(echoCancellation);
  if (noiseSuppression !== undefined) options.noiseSuppression = noiseSuppression;
  if (autoGainControl !== undefined) options.autoGainControl = autoGainControl;
  return options;
}

/** The names of DOMException that getUserMedia rejects with (Media Capture and Streams, section 10.2). */
function explain(cause: unknown): MicrophoneError {
  const { name, message } = cause as { name?: string; message?: string };
  switch (name) {
    case "NotFoundError":
    case "OverconstrainedError":
      return new MicrophoneError("missing", message || "no such microphone");
    case "NotAllowedError":
    case "SecurityError":
      if (!isSecureContext) return new MicrophoneError("insecure", message || "the page's origin is not secure");
      return new MicrophoneError("denied", message || "the microphone was refused");
    default: // NotReadableError, AbortError
      return new MicrophoneError("busy", message || "the microphone cannot be read");
  }
}

export function listMicrophones(): Promise<AudioDevice[]> {
  return list("audioinput");
}

/** Empty where speakers cannot be told apart (Safari). */
export function listSpeakers(): Promise<AudioDevice[]> {
  return list("audiooutput");
}

async function list(kind: MediaDeviceKind): Promise<AudioDevice[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((d) => d.kind === kind && d.deviceId !== "").map((d) => ({ id: d.deviceId, label: d.label }));
}

/** Whether `Room.setSpeaker` works in this browser. */
export function canSelectSpeaker(): boolean {
  return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
}

/** `unknown` where browsers do not tell; asking is then the only way. */
export async function microphonePermission(): Promise<"granted" | "denied" | "prompt" | "unknown"> {
  try {
    return (await navigator.permissions.query({ name: "microphone" as PermissionName })).state;
  } catch {
    return "unknown";
  }
}

/** Calls `listener` when a device is plugged in or out. Returns how to stop. */
export function onDevicesChanged(listener: () => void): () => void {
  const devices = navigator.mediaDevices;
  devices?.addEventListener("devicechange", listener);
  return () => devices?.removeEventListener("devicechange", listener);
}

/** A level meter for a captured track, for a lobby or settings. Close it when done; it does not stop the track. */
export function createLevelMeter(track: MediaStreamTrack | null): LevelMeter {
  return new CaptureMeter(track);
}

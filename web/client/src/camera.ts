/**
 * - `denied`: the person or the browser's settings refused it
 * - `missing`: there is no (such) camera
 * - `busy`: it is there but cannot be read, mostly because another program has it
 * - `insecure`: browsers give cameras only to pages from HTTPS or localhost
 */
export type CameraProblem = "denied" | "missing" | "busy" | "insecure";

export class CameraError extends Error {
  readonly reason: CameraProblem;

  constructor(reason: CameraProblem, message: string) {
    super(message);
    this.name = "CameraError";
    this.reason = reason;
  }
}

export interface CameraOptions {
  /** From `listCameras`; goes before `facing`. The browser's default without either. */
  deviceId?: string;
  /** Of a phone's cameras, the one towards the person (`user`) or away; a wish only. */
  facing?: "user" | "environment";
}

export interface VideoDevice {
  readonly id: string;
  /** Empty until the page has been allowed a camera. */
  readonly label: string;
}

/** What the encoders are laid out for: 1280×720 at 30 frames per second. A camera that has less gives what it has. */
const WIDTH = 1280;
const HEIGHT = 720;
const FRAME_RATE = 30;

/** Asks for a camera. Rejects with a `CameraError` that names the kind of help needed. The track is the caller's to stop. */
export async function acquireCamera({ deviceId, facing }: CameraOptions = {}): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CameraError("insecure", "the browser gives cameras only to pages from HTTPS or localhost");
  }
  const video: MediaTrackConstraints = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: FRAME_RATE, max: FRAME_RATE } };
  if (deviceId) video.deviceId = { exact: deviceId };
  else if (facing) video.facingMode = { ideal: facing };
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video });
  } catch (cause) {
    const error = explain(cause);
    error.cause = cause;
    throw error;
  }
  const track = stream.getVideoTracks()[0];
  if (!track) throw new CameraError("missing", "the browser gave no video track");
  track.contentHint = "motion";
  return track;
}

/** The names of DOMException that getUserMedia rejects with (Media Capture and Streams, section 10.2). */
function explain(cause: unknown): CameraError {
  const { name, message } = cause as { name?: string; message?: string };
  switch (name) {
    case "NotFoundError":
    case "OverconstrainedError":
      return new CameraError("missing", message || "no such camera");
    case "NotAllowedError":
    case "SecurityError":
      if (!isSecureContext) return new CameraError("insecure", message || "the page's origin is not secure");
      return new CameraError("denied", message || "the camera was refused");
    default: // NotReadableError, AbortError
      return new CameraError("busy", message || "the camera cannot be read");
  }
}

export async function listCameras(): Promise<VideoDevice[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((d) => d.kind === "videoinput" && d.deviceId !== "").map((d) => ({ id: d.deviceId, label: d.label }));
}

/**
 * What to ask for in place of a lost camera: the same one when it was only silenced, any (towards the same side) when it is gone. Undefined
 * for a page's own track that may be no camera, as that of a canvas: nothing else is what the page meant to show. (Chromium gives a canvas
 * a `deviceId`, but no `groupId`.)
 */
export function cameraInPlaceOf(lost: MediaStreamTrack, owned: boolean): CameraOptions | undefined {
  const { deviceId, groupId, facingMode } = lost.getSettings();
  if (!owned && !groupId) return undefined;
  if (deviceId && lost.readyState === "live") return { deviceId };
  return facingMode === "user" || facingMode === "environment" ? { facing: facingMode } : {};
}

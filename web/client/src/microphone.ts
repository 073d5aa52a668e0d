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

import { vi } from "vitest";

/** As much of the browser's media as the client touches. */
export class FakeTrack extends EventTarget {
  static made = 0;
  readonly id = `track-${FakeTrack.made++}`;
  muted = false;
  readyState: "live" | "ended" = "live";
  contentHint = "";
  stopped = 0;
  settings: MediaTrackSettings = { echoCancellation: true, noiseSuppression: true, autoGainControl: false };

  constructor(
    readonly label = "microphone",
    readonly kind = "audio",
  ) {
    super();
  }

  getSettings(): MediaTrackSettings {
    return this.settings;
  }

  /** The system silences it, or lets it go on; of a received one, packets come. */
  become(muted: boolean): void {
    this.muted = muted;
    this.dispatchEvent(new Event(muted ? "mute" : "unmute"));
  }

  stop(): void {
    this.stopped++;
    this.readyState = "ended";
  }

  /** The device goes away. */
  end(): void {
    this.readyState = "ended";
    this.dispatchEvent(new Event("ended"));
  }
}

/** A camera's track: of a device, unless told otherwise. */
export function fakeCamera(settings: MediaTrackSettings = { deviceId: "v1", groupId: "g1", width: 1280, height: 720 }): FakeTrack {
  return Object.assign(new FakeTrack("camera", "video"), { settings });
}

const VIDEO_CODECS = [
  { mimeType: "video/VP9", sdpFmtpLine: "profile-id=0" },
  { mimeType: "video/VP9", sdpFmtpLine: "profile-id=2" },
  { mimeType: "video/VP8" },
  { mimeType: "video/rtx" },
  { mimeType: "video/H264", sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" },
  { mimeType: "video/H264", sdpFmtpLine: "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f" },
  { mimeType: "video/AV1", sdpFmtpLine: "level-idx=5;profile=0;tier=0" },
  { mimeType: "video/AV1", sdpFmtpLine: "level-idx=5;profile=1;tier=0" },
  { mimeType: "video/H265" },
  { mimeType: "video/red" },
];
const AUDIO_CODECS = [{ mimeType: "audio/opus" }, { mimeType: "audio/red" }, { mimeType: "audio/PCMU" }];

export class FakeReceiver {
  readonly track: FakeTrack;
  contributing: { source: number; timestamp: number; audioLevel?: number }[] = [];

  constructor(kind: string) {
    this.track = new FakeTrack("slot", kind);
    this.track.muted = true; // until the first packet
  }

  getContributingSources(): object[] {
    return this.contributing;
  }

  getSynchronizationSources(): object[] {
    return [];
  }

  static getCapabilities(kind: string): object {
    return { codecs: kind === "audio" ? AUDIO_CODECS : VIDEO_CODECS };
  }
}

export class FakeSender {
  track: FakeTrack | null = null;
  history: (FakeTrack | null)[] = [];
  degradationPreference: string | undefined;
  /** Temporal layers that `setParameters` does not want to hear of. */
  static refusedModes: string[] = [];

  constructor(public encodings: FakeEncoding[]) {}

  async replaceTrack(track: FakeTrack | null): Promise<void> {
    if (track?.kind === "wrong") throw new TypeError("not of this kind");
    this.track = track;
    this.history.push(track);
  }

  getParameters(): { encodings: FakeEncoding[]; degradationPreference?: string } {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }

  async setParameters({ encodings, degradationPreference }: { encodings: FakeEncoding[]; degradationPreference?: string }): Promise<void> {
    refuse(encodings);
    this.encodings = encodings;
    this.degradationPreference = degradationPreference;
  }

  static getCapabilities(kind: string): object {
    return FakeReceiver.getCapabilities(kind);
  }
}

export interface FakeEncoding {
  rid?: string;
  active?: boolean;
  maxBitrate?: number;
  scaleResolutionDownBy?: number;
  scalabilityMode?: string;
}

function refuse(encodings: FakeEncoding[]): void {
  if (encodings.some(({ scalabilityMode }) => scalabilityMode && FakeSender.refusedModes.includes(scalabilityMode))) {
    throw Object.assign(new Error("no such mode"), { name: "OperationError" });
  }
}

export class FakeTransceiver {
  mid: string | null = null;
  currentDirection: string | null = null;
  readonly receiver: FakeReceiver;
  readonly sender: FakeSender;
  codecs: { mimeType: string; sdpFmtpLine?: string }[] = [];

  constructor(
    readonly kind: string,
    readonly direction: string,
    encodings: FakeEncoding[],
  ) {
    this.receiver = new FakeReceiver(kind);
    this.sender = new FakeSender(encodings);
  }

  setCodecPreferences(codecs: { mimeType: string }[]): void {
    this.codecs = codecs;
  }
}

export class FakePeerConnection extends EventTarget {
  static made: FakePeerConnection[] = [];
  static refuseAnswers = false;
  /** Answers take no video. */
  static voiceOnly = false;
  /** Answers take one layer alone. */
  static oneLayer = false;
  onconnectionstatechange: (() => void) | null = null;
  connectionState: RTCPeerConnectionState = "new";
  signalingState = "stable";
  localDescription: { sdp: string } | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  answers = 0;
  restarts = 0;

  constructor() {
    super();
    FakePeerConnection.made.push(this);
  }

  static get last(): FakePeerConnection {
    const last = FakePeerConnection.made.at(-1);
    if (!last) throw new Error("no connection was made");
    return last;
  }

  /** Those that are not closed: more than one is a leak, or a handover. */
  static get open(): FakePeerConnection[] {
    return FakePeerConnection.made.filter((connection) => connection.connectionState !== "closed");
  }

  get sending(): FakeTrack | null {
    return this.transceivers[0]?.sender.track ?? null;
  }

  slot(index: number): FakeReceiver {
    const transceiver = this.transceivers[index + 1];
    if (!transceiver) throw new Error(`no slot ${index}`);
    return transceiver.receiver;
  }

  /** The m-lines for video, from the camera's on. */
  get video(): { camera: FakeTransceiver; screen: FakeTransceiver; sound: FakeTransceiver; slots: FakeTransceiver[] } {
    const first = this.transceivers.findIndex(({ kind }) => kind === "video");
    const [camera, screen, sound, ...slots] = first < 0 ? [] : this.transceivers.slice(first);
    if (!camera || !screen || !sound) throw new Error("there is no video");
    return { camera, screen, sound, slots };
  }

  addTransceiver(kind: string, { direction, sendEncodings = [] }: { direction: string; sendEncodings?: FakeEncoding[] }): FakeTransceiver {
    refuse(sendEncodings);
    const transceiver = new FakeTransceiver(kind, direction, sendEncodings);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  async createOffer({ iceRestart }: { iceRestart?: boolean } = {}): Promise<{ type: string; sdp: string }> {
    if (iceRestart) this.restarts++;
    return { type: "offer", sdp: iceRestart ? "restart" : "offer" };
  }

  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = description;
    this.transceivers.forEach((transceiver, i) => (transceiver.mid = String(i)));
  }

  async setRemoteDescription(): Promise<void> {
    if (FakePeerConnection.refuseAnswers) throw new Error("no such answer");
    this.answers++;
    for (const transceiver of this.transceivers) {
      const { kind, direction, sender } = transceiver;
      transceiver.currentDirection = kind === "video" && FakePeerConnection.voiceOnly ? "stopped" : direction;
      if (FakePeerConnection.oneLayer) sender.encodings.splice(1);
    }
  }

  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    this.connectionState = this.signalingState = "closed";
  }
}

export class FakeAudio {
  static made: FakeAudio[] = [];
  static blocked = false;
  hidden = false;
  dataset: Record<string, string> = {};
  muted = false;
  volume = 1;
  paused = true;
  srcObject: unknown = null;
  sink = "";
  removed = false;

  constructor() {
    FakeAudio.made.push(this);
  }

  static slot(mid: string): FakeAudio {
    const found = FakeAudio.made.findLast((audio) => audio.dataset["hubbubSlot"] === mid);
    if (!found) throw new Error(`nothing plays slot ${mid}`);
    return found;
  }

  static get open(): FakeAudio[] {
    return FakeAudio.made.filter((audio) => !audio.removed);
  }

  async play(): Promise<void> {
    if (FakeAudio.blocked) throw Object.assign(new Error("click first"), { name: "NotAllowedError" });
    this.paused = false;
  }

  pause(): void {
    this.paused = true;
  }

  remove(): void {
    this.removed = true;
  }

  async setSinkId(id: string): Promise<void> {
    if (id === "gone") throw Object.assign(new Error("no such device"), { name: "NotFoundError" });
    this.sink = id;
  }
}

export class FakeMediaStream {
  constructor(readonly tracks: FakeTrack[] = []) {}

  getTracks(): FakeTrack[] {
    return this.tracks;
  }

  getAudioTracks(): FakeTrack[] {
    return this.tracks.filter((track) => track.kind === "audio");
  }

  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter((track) => track.kind === "video");
  }
}

export class FakeDevices extends EventTarget {
  /** What getUserMedia gives next; an error's name to refuse. */
  next: FakeTrack | string | undefined;
  asked: MediaTrackConstraints[] = [];
  /** The same of getDisplayMedia. */
  nextScreen: FakeTrack[] | string | undefined;
  screensAsked: DisplayMediaStreamOptions[] = [];

  async getUserMedia({ audio, video }: { audio?: MediaTrackConstraints; video?: MediaTrackConstraints }): Promise<FakeMediaStream> {
    this.asked.push(audio ?? video ?? {});
    if (typeof this.next === "string") throw Object.assign(new Error(this.next), { name: this.next });
    const track = this.next ?? (video ? fakeCamera() : new FakeTrack());
    this.next = undefined;
    return new FakeMediaStream([track]);
  }

  async getDisplayMedia(options: DisplayMediaStreamOptions): Promise<FakeMediaStream> {
    this.screensAsked.push(options);
    if (typeof this.nextScreen === "string") throw Object.assign(new Error(this.nextScreen), { name: this.nextScreen });
    return new FakeMediaStream(this.nextScreen ?? [new FakeTrack("screen", "video")]);
  }

  async enumerateDevices(): Promise<object[]> {
    return [
      { kind: "audioinput", deviceId: "m1", label: "One" },
      { kind: "audiooutput", deviceId: "s1", label: "Speaker" },
      { kind: "videoinput", deviceId: "v1", label: "Camera" },
    ];
  }
}

export interface FakeBrowser {
  readonly window: EventTarget;
  readonly devices: FakeDevices;
}

/** Puts a browser around the client. Undo with `vi.unstubAllGlobals`. */
export function fakeBrowser(): FakeBrowser {
  FakePeerConnection.made = [];
  FakePeerConnection.refuseAnswers = FakePeerConnection.voiceOnly = FakePeerConnection.oneLayer = false;
  FakeSender.refusedModes = [];
  FakeAudio.made = [];
  FakeAudio.blocked = false;
  const document = Object.assign(new EventTarget(), {
    visibilityState: "visible",
    createElement: () => new FakeAudio(),
    body: { append: () => undefined },
  });
  const devices = new FakeDevices();
  const navigator = { mediaDevices: devices };
  const window = Object.assign(new EventTarget(), { document, navigator });
  vi.stubGlobal("window", window);
  vi.stubGlobal("document", document);
  vi.stubGlobal("navigator", navigator);
  vi.stubGlobal("location", { origin: "https://voice.example" });
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("RTCPeerConnection", FakePeerConnection);
  vi.stubGlobal("RTCRtpReceiver", FakeReceiver);
  vi.stubGlobal("RTCRtpSender", FakeSender);
  vi.stubGlobal("MediaStream", FakeMediaStream);
  vi.stubGlobal("HTMLMediaElement", FakeAudio);
  return { window, devices };
}

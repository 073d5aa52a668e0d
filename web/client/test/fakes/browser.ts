import { vi } from "vitest";

/** As much of the browser's media as the client touches. */
export class FakeTrack extends EventTarget {
  kind = "audio";
  muted = false;
  readyState: "live" | "ended" = "live";
  contentHint = "";
  stopped = 0;

  constructor(readonly label = "microphone") {
    super();
  }

  getSettings(): object {
    return { echoCancellation: true, noiseSuppression: true, autoGainControl: false };
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

export class FakeReceiver {
  readonly track = new FakeTrack("slot");
  contributing: { source: number; timestamp: number; audioLevel?: number }[] = [];

  getContributingSources(): object[] {
    return this.contributing;
  }

  getSynchronizationSources(): object[] {
    return [];
  }

  static getCapabilities(): object {
    return { codecs: [{ mimeType: "audio/opus" }, { mimeType: "audio/red" }, { mimeType: "audio/PCMU" }] };
  }
}

export class FakeTransceiver {
  mid: string | null = null;
  currentDirection: string | null = null;
  readonly receiver = new FakeReceiver();
  readonly sender = {
    track: null as FakeTrack | null,
    history: [] as (FakeTrack | null)[],
    replaceTrack: async (track: FakeTrack | null): Promise<void> => {
      this.sender.track = track;
      this.sender.history.push(track);
    },
  };
  codecs: { mimeType: string }[] = [];

  constructor(readonly direction: string) {}

  setCodecPreferences(codecs: { mimeType: string }[]): void {
    this.codecs = codecs;
  }
}

export class FakePeerConnection extends EventTarget {
  static made: FakePeerConnection[] = [];
  static refuseAnswers = false;
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

  addTransceiver(_kind: string, { direction }: { direction: string }): FakeTransceiver {
    const transceiver = new FakeTransceiver(direction);
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
    for (const transceiver of this.transceivers) transceiver.currentDirection = transceiver.direction;
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

  getAudioTracks(): FakeTrack[] {
    return this.tracks;
  }
}

export class FakeDevices extends EventTarget {
  /** What getUserMedia gives next; an error's name to refuse. */
  next: FakeTrack | string | undefined;
  asked: MediaTrackConstraints[] = [];

  async getUserMedia({ audio }: { audio: MediaTrackConstraints }): Promise<FakeMediaStream> {
    this.asked.push(audio);
    if (typeof this.next === "string") throw Object.assign(new Error(this.next), { name: this.next });
    const track = this.next ?? new FakeTrack();
    this.next = undefined;
    return new FakeMediaStream([track]);
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
  FakePeerConnection.refuseAnswers = false;
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
  vi.stubGlobal("MediaStream", FakeMediaStream);
  vi.stubGlobal("HTMLMediaElement", FakeAudio);
  return { window, devices };
}

import { namePicture, PALETTE, type Palette } from "./pictures.ts";

/** What a test can ask of a page about pictures, at `window.videoInstrument`. */
export interface VideoInstrument {
  /**
   * The pictures of others that can be seen on the page and move, sorted, named as `src/pictures.ts` does: one for each video element. Takes half a
   * second, in which a picture that stands still is found out.
   */
  seen(): Promise<string[]>;
  /** The same of what the page's own camera and screen show on it. */
  ownSeen(): Promise<string[]>;
  /** Sums over all open connections of the page. */
  stats(): Promise<VideoStats>;
  /** When the next click on an element is, in milliseconds since 1970. */
  clicked(selector: string): Promise<number>;
  /** When the first picture of someone else was decoded, in milliseconds since 1970, looked for every 4 ms; at once when there is one. */
  firstPicture(): Promise<number>;
  /** Ends the sharing of the screen as the browser's own button does. */
  endScreen(): void;
}

/** Of webrtc-stats' inbound-rtp and outbound-rtp of kind video, over all open connections. Counters are sums. */
export interface VideoStats {
  received: {
    bytes: number;
    packets: number;
    packetsLost: number;
    retransmittedPackets: number;
    framesDecoded: number;
    keyFramesDecoded: number;
    framesDropped: number;
    freezes: number;
    /** Seconds. */
    freezeTime: number;
    nacks: number;
    plis: number;
    /** Of the largest picture that is received; 0 before the first one. */
    width: number;
    height: number;
  };
  /** One for each encoding (simulcast layer) that is or was active, the smallest first. */
  sent: SentEncoding[];
}

export interface SentEncoding {
  rid: string;
  bytes: number;
  packets: number;
  frames: number;
  /** Of the last frame; 0 before the first one. */
  width: number;
  height: number;
  framesPerSecond: number;
  /** `none`, `cpu`, `bandwidth` or `other`. */
  limitedBy: string;
  nacks: number;
  plis: number;
}

/** A fake camera. The defaults make small pictures, since all of them are encoded and decoded on one machine. */
export interface CameraOptions {
  width: number;
  height: number;
  framesPerSecond: number;
  /** Whether the picture has details that move, as a camera's has: without, it costs next to no bits. */
  detailed: boolean;
}

export const SMALL_CAMERA: CameraOptions = { width: 640, height: 360, framesPerSecond: 15, detailed: false };

interface InstrumentOptions {
  /** What the cameras show, the default one first. */
  cameras: readonly string[];
  /** What a shared screen shows. */
  screen: string;
  /** The tone of a screen that is shared with sound, in Hz. */
  screenTone: number;
  camera: CameraOptions;
  palette: Palette;
}

declare global {
  interface Window {
    videoInstrument: VideoInstrument;
  }
}

/**
 * The script that must run in a page before the page's own, and after `instrumentScript`: cameras and screens become pictures that can be told apart,
 * and what the page shows can be examined. Works in Chromium and Firefox.
 */
export function videoInstrumentScript(options: Omit<InstrumentOptions, "palette">): string {
  return `(${install.toString()})(${JSON.stringify({ ...options, palette: PALETTE })}, ${namePicture.toString()});`;
}

/** Runs in the page, as text: it must not refer to anything outside of itself. */
function install(options: InstrumentOptions, name: typeof namePicture): void {
  /** Milliseconds in which a picture must move to be one. */
  const WINDOW = 500;
  const SCREEN = { width: 640, height: 360, framesPerSecond: 10, detailed: false };
  const [PROBE_WIDTH, PROBE_HEIGHT] = [32, 18];
  const elements = new Set<HTMLVideoElement>();
  const own = new WeakSet<MediaStreamTrack>();
  let screens: MediaStreamTrack[] = [];

  // The cameras and the screen.
  const devices = navigator.mediaDevices as MediaDevices | undefined; // undefined on an insecure origin
  if (devices) {
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints = {}) => {
      const { video } = constraints;
      if (!video) return open(constraints);
      // The device's own picture is not needed, only that it is there and whose it is.
      const which = typeof video === "object" ? { deviceId: video.deviceId, facingMode: video.facingMode } : {};
      const few = { width: { ideal: 160 }, height: { ideal: 90 }, frameRate: { ideal: 5 } };
      const chosen = Object.fromEntries(Object.entries(which).filter(([, value]) => value !== undefined));
      const stream = await open({ ...constraints, video: { ...chosen, ...few } });
      const real = stream.getVideoTracks()[0]!;
      const ids = (await devices.enumerateDevices()).filter((d) => d.kind === "videoinput").map((d) => d.deviceId);
      const index = Math.max(0, ids.indexOf(real.getSettings().deviceId ?? ""));
      const picture = options.cameras[Math.min(index, options.cameras.length - 1)]!;
      return new MediaStream([...stream.getAudioTracks(), show(picture, options.camera, real)]);
    };
    devices.getDisplayMedia = async (constraints = {}) => {
      const tracks = [show(options.screen, SCREEN)];
      if (constraints.audio) tracks.push(playTone());
      screens.push(...tracks);
      return new MediaStream(tracks);
    };
  }

  /** A track that shows a picture in which something moves, for as long as someone uses it. */
  function show(picture: string, { width, height, framesPerSecond, detailed }: CameraOptions, real?: MediaStreamTrack): MediaStreamTrack {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { alpha: false })!;
    const [left, right] = picture.split("+").map((colour) => `rgb(${options.palette.colours[colour]!.join()})`);
    const details = detailed ? grain(width, height) : undefined;
    let frame = 0;
    const draw = () => {
      frame++;
      context.fillStyle = left!;
      context.fillRect(0, 0, width / 2, height);
      context.fillStyle = right!;
      context.fillRect(width / 2, 0, width / 2, height);
      if (details) {
        // As a hand holds a camera: it sways, and nothing is quite as it was.
        context.globalAlpha = 0.4;
        context.drawImage(details, -width / 2 + (width / 4) * Math.sin(frame / 40), -height / 2 + (height / 4) * Math.cos(frame / 31));
        context.globalAlpha = 0.06;
        context.drawImage(details, -Math.random() * width, -Math.random() * height);
        context.globalAlpha = 1;
      }
      context.fillStyle = "rgb(128,128,128)";
      context.fillRect(((frame * width) / 40) % width, 0, width / 20, height / 5);
    };
    draw();
    const timer = setInterval(draw, 1000 / framesPerSecond);
    return used(canvas.captureStream().getVideoTracks()[0]!, { width, height, frameRate: framesPerSecond }, real, () => {
      clearInterval(timer);
      real?.stop();
    });
  }

  /** Makes a track look like a device's, and ends what is behind it with the last of its clones. */
  function used(track: MediaStreamTrack, size: MediaTrackSettings, real: MediaStreamTrack | undefined, end: () => void): MediaStreamTrack {
    const users = new Set<MediaStreamTrack>();
    const use = (one: MediaStreamTrack): MediaStreamTrack => {
      users.add(one);
      own.add(one);
      const [stop, clone] = [one.stop.bind(one), one.clone.bind(one)];
      one.stop = () => {
        stop();
        if (users.delete(one) && users.size === 0) end();
      };
      one.clone = () => use(clone());
      one.getSettings = () => ({ ...real?.getSettings(), ...size });
      if (real) Object.defineProperty(one, "label", { value: real.label });
      return one;
    };
    return use(track);
  }

  /** Four times as large as a picture: blocks of many sizes and shades. */
  function grain(width: number, height: number): HTMLCanvasElement {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 2 * width, height: 2 * height });
    const context = canvas.getContext("2d", { alpha: false })!;
    for (let i = 0; i < 6_000; i++) {
      const size = 2 + 60 * Math.random() ** 3;
      context.fillStyle = `rgb(${[0, 0, 0].map(() => Math.floor(256 * Math.random())).join()})`;
      context.fillRect(2 * width * Math.random(), 2 * height * Math.random(), size, size);
    }
    return canvas;
  }

  function playTone(): MediaStreamTrack {
    const audio = new AudioContext({ sampleRate: 48_000 });
    void audio.resume();
    const tone = new OscillatorNode(audio, { frequency: options.screenTone });
    const destination = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
    tone.connect(new GainNode(audio, { gain: 0.15 })).connect(destination);
    tone.start();
    return used(destination.stream.getAudioTracks()[0]!, {}, undefined, () => void audio.close());
  }

  // What is seen.
  const srcObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject")!;
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...srcObject,
    set(this: HTMLMediaElement, value: MediaProvider | null) {
      if (this instanceof HTMLVideoElement && !elements.has(this)) {
        elements.add(this);
        count(this);
      }
      srcObject.set!.call(this, value);
    },
  });

  /** What was drawn. Firefox counts the frames of files alone (getVideoPlaybackQuality). */
  const drawn = new WeakMap<HTMLVideoElement, number>();

  function count(element: HTMLVideoElement): void {
    element.requestVideoFrameCallback(() => {
      drawn.set(element, (drawn.get(element) ?? 0) + 1);
      count(element);
    });
  }

  const frames = (element: HTMLVideoElement) => Math.max(element.getVideoPlaybackQuality().totalVideoFrames, drawn.get(element) ?? 0);

  /** Elements that play a picture, our own or others'. */
  function playing(ours: boolean): HTMLVideoElement[] {
    return [...elements].filter((element) => {
      if (element.paused || !(element.srcObject instanceof MediaStream)) return false;
      const track = element.srcObject.getVideoTracks().find(({ readyState }) => readyState === "live");
      return track !== undefined && own.has(track) === ours;
    });
  }

  function visible(element: HTMLVideoElement): boolean {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  }

  async function moving(ours: boolean): Promise<string[]> {
    const before = new Map(playing(ours).map((element) => [element, frames(element)]));
    await new Promise((resolve) => setTimeout(resolve, WINDOW));
    return playing(ours)
      .filter((element) => visible(element) && frames(element) > (before.get(element) ?? Infinity))
      .map(picture)
      .sort();
  }

  const probe = document.createElement("canvas");
  Object.assign(probe, { width: PROBE_WIDTH, height: PROBE_HEIGHT });
  const probing = probe.getContext("2d", { willReadFrequently: true })!;

  function picture(element: HTMLVideoElement): string {
    probing.drawImage(element, 0, 0, PROBE_WIDTH, PROBE_HEIGHT);
    return name(probing.getImageData(0, 0, PROBE_WIDTH, PROBE_HEIGHT).data, PROBE_WIDTH, options.palette);
  }

  async function stats(): Promise<VideoStats> {
    const received = {
      bytes: 0, packets: 0, packetsLost: 0, retransmittedPackets: 0, framesDecoded: 0, keyFramesDecoded: 0, framesDropped: 0,
      freezes: 0, freezeTime: 0, nacks: 0, plis: 0, width: 0, height: 0,
    };
    const sent: SentEncoding[] = [];
    for (const connection of window.instrument.connections) {
      if (connection.connectionState === "closed") continue;
      for (const report of (await connection.getStats()).values()) {
        if (report.kind !== "video") continue;
        if (report.type === "inbound-rtp") {
          received.bytes += report.bytesReceived + (report.headerBytesReceived ?? 0);
          received.packets += report.packetsReceived;
          received.packetsLost += report.packetsLost;
          received.retransmittedPackets += report.retransmittedPacketsReceived ?? 0;
          received.framesDecoded += report.framesDecoded ?? 0;
          received.keyFramesDecoded += report.keyFramesDecoded ?? 0;
          received.framesDropped += report.framesDropped ?? 0;
          received.freezes += report.freezeCount ?? 0;
          received.freezeTime += report.totalFreezesDuration ?? 0;
          received.nacks += report.nackCount ?? 0;
          received.plis += report.pliCount ?? 0;
          if ((report.frameWidth ?? 0) > received.width) [received.width, received.height] = [report.frameWidth, report.frameHeight];
        }
        if (report.type === "outbound-rtp" && report.packetsSent > 0) {
          sent.push({
            rid: report.rid ?? "",
            bytes: report.bytesSent + (report.headerBytesSent ?? 0),
            packets: report.packetsSent,
            frames: report.framesEncoded ?? 0,
            width: report.frameWidth ?? 0,
            height: report.frameHeight ?? 0,
            framesPerSecond: report.framesPerSecond ?? 0,
            limitedBy: report.qualityLimitationReason ?? "none",
            nacks: report.nackCount ?? 0,
            plis: report.pliCount ?? 0,
          });
        }
      }
    }
    return { received, sent: sent.sort((a, b) => a.width - b.width) };
  }

  function clicked(selector: string): Promise<number> {
    return new Promise((resolve) => {
      const listener = ({ target, timeStamp }: Event) => {
        if (!(target instanceof Element) || !target.closest(selector)) return;
        document.removeEventListener("click", listener, { capture: true });
        resolve(performance.timeOrigin + timeStamp);
      };
      document.addEventListener("click", listener, { capture: true });
    });
  }

  async function firstPicture(): Promise<number> {
    while (!playing(false).some((element) => frames(element) > 0)) await new Promise((resolve) => setTimeout(resolve, 4));
    return performance.timeOrigin + performance.now();
  }

  window.videoInstrument = {
    seen: () => moving(false),
    ownSeen: () => moving(true),
    stats,
    clicked,
    firstPicture,
    endScreen() {
      for (const track of screens.splice(0)) {
        track.stop();
        track.dispatchEvent(new Event("ended")); // `stop` by the page itself is silent
      }
    },
  };
}

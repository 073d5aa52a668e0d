import { detectTones, THRESHOLD, TONES, type Threshold } from "./tones.ts";

/** What a test can ask of an instrumented page, at `window.instrument`. */
export interface Instrument {
  /** The tones that come out of the page's media elements at this moment, ascending. Takes one window of sound, 0.7 s. */
  heard(): Promise<number[]>;
  /** Whether the fake microphone plays its tone (the default) or silence. */
  setTalking(talking: boolean): void;
  /** Every RTCPeerConnection that the page has made, the newest last. */
  readonly connections: readonly RTCPeerConnection[];
  /** Sums over all open connections of the page. */
  stats(): Promise<AudioStats>;
  /** Milliseconds from the next click on an element to the first sound that comes out of the page after it. */
  soundAfterClick(selector: string): Promise<number>;
}

/** Sums of the counters of webrtc-stats' inbound-rtp and outbound-rtp over the audio of all open connections. */
export interface AudioStats {
  packetsSent: number;
  bytesSent: number;
  bytesReceived: number;
  headerBytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  /** In samples at 48 kHz. */
  totalSamplesReceived: number;
  concealedSamples: number;
  silentConcealedSamples: number;
  concealmentEvents: number;
  /** Mean time that a sample spends in the jitter buffer, in ms. */
  jitterBufferDelay: number;
}

interface InstrumentOptions {
  /** The tones of the fake microphones, the default one first. */
  tones: number[];
  bank: readonly number[];
  threshold: Threshold;
}

declare global {
  interface Window {
    instrument: Instrument;
  }
}

/**
 * The script that must run in a page before the page's own: each microphone becomes a tone, and what the page plays
 * can be examined. Works in Chromium and Firefox.
 */
export function instrumentScript(tones: number[]): string {
  const options: InstrumentOptions = { tones, bank: TONES, threshold: THRESHOLD };
  return `(${install.toString()})(${JSON.stringify(options)}, ${detectTones.toString()});`;
}

/** Runs in the page, as text: it must not refer to anything outside of itself. */
function install(options: InstrumentOptions, detect: typeof detectTones): void {
  /** Samples that one examination looks at: 0.68 s at 48 kHz. */
  const WINDOW = 32_768;
  const connections: RTCPeerConnection[] = [];
  const elements = new Set<HTMLMediaElement>();
  const analysers = new Map<MediaStreamTrack, AnalyserNode>();
  const voices = new Set<GainNode>();
  let talking = true;
  let shared: AudioContext | undefined;
  const context = (): AudioContext => (shared ??= new AudioContext({ sampleRate: 48_000 }));

  // The microphone.
  const devices = navigator.mediaDevices as MediaDevices | undefined; // undefined on an insecure origin
  if (devices) {
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      const real = stream.getAudioTracks()[0];
      if (!real) return stream;
      const settings = real.getSettings();
      const ids = (await devices.enumerateDevices()).filter((d) => d.kind === "audioinput").map((d) => d.deviceId);
      const index = Math.max(0, ids.indexOf(settings.deviceId ?? ""));
      const tone = playTone(options.tones[Math.min(index, options.tones.length - 1)]!, real, settings);
      return new MediaStream([tone, ...stream.getVideoTracks()]);
    };
  }

  /** A track that plays a tone, swelling like syllables, for as long as the device's own track lives. */
  function playTone(frequency: number, real: MediaStreamTrack, settings: MediaTrackSettings): MediaStreamTrack {
    const audio = context();
    void audio.resume();
    const tone = new OscillatorNode(audio, { frequency });
    const syllables = new OscillatorNode(audio, { frequency: 3 });
    const depth = new GainNode(audio, { gain: 0.5 });
    const swell = new GainNode(audio, { gain: 0.5 });
    const voice = new GainNode(audio, { gain: talking ? 0.3 : 0 });
    const destination = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
    syllables.connect(depth).connect(swell.gain);
    tone.connect(swell).connect(voice).connect(destination);
    tone.start();
    syllables.start();
    voices.add(voice);
    const track = destination.stream.getAudioTracks()[0]!;
    const stop = track.stop.bind(track);
    track.stop = () => {
      stop();
      real.stop();
      tone.stop();
      syllables.stop();
      voices.delete(voice);
    };
    track.getSettings = () => settings;
    Object.defineProperty(track, "label", { value: real.label });
    return track;
  }

  // What is heard. An element plays whether or not it is part of the document, so all that are given a stream count.
  const srcObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject")!;
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...srcObject,
    set(this: HTMLMediaElement, value: MediaProvider | null) {
      elements.add(this);
      srcObject.set!.call(this, value);
    },
  });

  /** The audio tracks that come out of an element now. */
  function* audible(): Generator<[MediaStreamTrack, number]> {
    for (const element of elements) {
      const gain = element.muted || element.paused ? 0 : element.volume;
      if (gain === 0 || !(element.srcObject instanceof MediaStream)) continue;
      for (const track of element.srcObject.getAudioTracks()) {
        if (track.readyState === "live" && track.enabled) yield [track, gain];
      }
    }
  }

  function analyser(track: MediaStreamTrack, fftSize: number): AnalyserNode {
    const node = new AnalyserNode(context(), { fftSize });
    new MediaStreamAudioSourceNode(context(), { mediaStream: new MediaStream([track]) }).connect(node);
    return node;
  }

  /** The samples that came out of a track in the last window; silence at first, until a window has passed. */
  function lastWindow(track: MediaStreamTrack): Float32Array<ArrayBuffer> {
    let node = analysers.get(track);
    if (!node) {
      node = analyser(track, WINDOW);
      analysers.set(track, node);
      track.addEventListener("ended", () => analysers.delete(track));
    }
    const samples = new Float32Array(WINDOW);
    node.getFloatTimeDomainData(samples);
    return samples;
  }

  async function heard(): Promise<number[]> {
    const audio = context();
    await audio.resume();
    for (const [track] of audible()) lastWindow(track);
    const end = audio.currentTime + WINDOW / audio.sampleRate;
    while (audio.currentTime < end) await new Promise((resolve) => setTimeout(resolve, 20));
    const found = new Set<number>();
    for (const [track, gain] of audible()) {
      const played = lastWindow(track).map((sample) => sample * gain);
      for (const tone of detect(played, audio.sampleRate, options.bank, options.threshold)) found.add(tone);
    }
    return [...found].sort((a, b) => a - b);
  }

  // The connections.
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };

  async function stats(): Promise<AudioStats> {
    const sums = {
      packetsSent: 0,
      bytesSent: 0,
      bytesReceived: 0,
      headerBytesReceived: 0,
      packetsReceived: 0,
      packetsLost: 0,
      totalSamplesReceived: 0,
      concealedSamples: 0,
      silentConcealedSamples: 0,
      concealmentEvents: 0,
      jitterBufferDelay: 0,
    };
    let [delay, emitted] = [0, 0];
    for (const connection of connections) {
      if (connection.connectionState === "closed") continue;
      for (const report of (await connection.getStats()).values()) {
        if ((report.type !== "inbound-rtp" && report.type !== "outbound-rtp") || report.kind !== "audio") continue;
        for (const name of Object.keys(sums) as (keyof typeof sums)[]) {
          if (name !== "jitterBufferDelay") sums[name] += report[name] ?? 0;
        }
        delay += report.jitterBufferDelay ?? 0;
        emitted += report.jitterBufferEmittedCount ?? 0;
      }
    }
    return { ...sums, jitterBufferDelay: emitted > 0 ? (1000 * delay) / emitted : 0 };
  }

  async function soundAfterClick(selector: string): Promise<number> {
    const clicked = await new Promise<number>((resolve) => {
      document.addEventListener(
        "click",
        ({ target, timeStamp }) => {
          if (target instanceof Element && target.closest(selector)) resolve(timeStamp);
        },
        { capture: true },
      );
    });
    const probes = new Map<MediaStreamTrack, AnalyserNode>();
    const samples = new Float32Array(256);
    for (;;) {
      for (const [track] of audible()) {
        const probe = probes.get(track) ?? analyser(track, samples.length);
        probes.set(track, probe);
        probe.getFloatTimeDomainData(samples);
        if (samples.some((sample) => Math.abs(sample) > 0.001)) return performance.now() - clicked;
      }
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  }

  window.instrument = {
    heard,
    setTalking(on) {
      talking = on;
      for (const voice of voices) voice.gain.value = on ? 0.3 : 0;
    },
    connections,
    stats,
    soundAfterClick,
  };
}

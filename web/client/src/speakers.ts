import { LevelFollower, SpeakingDetector, toDecibels, toLoudness } from "./levels.js";

export interface SpeakersHandlers {
  /** The sound of a slot comes from another contributor now. */
  occupant: (mid: string, csrc: number) => void;
  /** Whether the slot carries a voice; else it may be the sound of a screen, which does not make its owner a speaker. */
  isVoice: (mid: string) => boolean;
  speaking: (csrc: number, speaking: boolean) => void;
}

/** Milliseconds without a fresh packet after which a voice is silent: a talking one has a packet each 20 ms, loss aside. */
const STALE = 250;
/** Asking receivers is not free; within this, the last reading stands. One frame at 60 Hz is 16.7 ms. */
const REUSE = 30;
/** Between readings for `speaking`, when nobody asks for levels. */
const TICK = 100;
/** A contributor not heard for so long is forgotten. */
const FORGET = 30_000;

interface Voice {
  readonly follower: LevelFollower;
  readonly detector: SpeakingDetector;
  decibels: number;
  /** By the receiver's clock: only to see that it advances. */
  timestamp: number;
  /** By ours: when it last advanced. */
  heardAt: number;
}

/**
 * Who is heard, and how loud, from the packets themselves: each names its speaker as contributing source (CSRC) and carries the
 * level that the speaker's browser measured (RFC 6464), in step with what is played.
 */
export class Speakers {
  readonly #handlers: SpeakersHandlers;
  readonly #now: () => number;
  readonly #voices = new Map<number, Voice>();
  readonly #occupants = new Map<string, number>();
  #receivers: ReadonlyMap<string, RTCRtpReceiver> = new Map();
  #readAt = -Infinity;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(handlers: SpeakersHandlers, now: () => number = () => performance.now()) {
    this.#handlers = handlers;
    this.#now = now;
    this.#timer = setInterval(() => this.#read(), TICK);
  }

  /** Listens to another connection's slots. */
  attach(receivers: ReadonlyMap<string, RTCRtpReceiver>): void {
    this.#receivers = receivers;
    this.#occupants.clear();
    // Timestamps of another connection need not go on from those of the last.
    for (const voice of this.#voices.values()) voice.timestamp = -Infinity;
  }

  /** 0..1, smoothed. */
  level(csrc: number): number {
    this.#read();
    const voice = this.#voices.get(csrc);
    if (!voice) return 0;
    const now = this.#now();
    return voice.follower.follow(toLoudness(now - voice.heardAt > STALE ? -127 : voice.decibels), now);
  }

  isSpeaking(csrc: number): boolean {
    return this.#voices.get(csrc)?.detector.speaking ?? false;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    const now = this.#now();
    if (now - this.#readAt < REUSE) return;
    this.#readAt = now;
    for (const [mid, receiver] of this.#receivers) {
      if (this.#handlers.isVoice(mid)) this.#readSlot(mid, receiver, now);
    }
    for (const [csrc, voice] of this.#voices) {
      const before = voice.detector.speaking;
      const speaking = voice.detector.observe(now - voice.heardAt > STALE ? -127 : voice.decibels, now);
      if (speaking !== before) this.#handlers.speaking(csrc, speaking);
      if (now - voice.heardAt > FORGET) this.#voices.delete(csrc);
    }
  }

  #readSlot(mid: string, receiver: RTCRtpReceiver, now: number): void {
    // Entries stay for 10 s (webrtc-pc, section 5.3): only the newest is heard now.
    let newest: RTCRtpContributingSource | undefined;
    for (const entry of receiver.getContributingSources()) {
      if (!newest || entry.timestamp > newest.timestamp) newest = entry;
    }
    if (!newest) return;
    const csrc = newest.source;
    let voice = this.#voices.get(csrc);
    if (!voice) {
      voice = { follower: new LevelFollower(), detector: new SpeakingDetector(), decibels: -127, timestamp: -Infinity, heardAt: -Infinity };
      this.#voices.set(csrc, voice);
    }
    if (newest.timestamp <= voice.timestamp) return; // nothing came since
    voice.timestamp = newest.timestamp;
    voice.heardAt = now;
    voice.decibels = toDecibels(newest.audioLevel ?? receiver.getSynchronizationSources()[0]?.audioLevel ?? 0);
    if (this.#occupants.get(mid) !== csrc) {
      this.#occupants.set(mid, csrc);
      this.#handlers.occupant(mid, csrc);
    }
  }
}

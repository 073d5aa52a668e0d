import type { Participant, Slot } from "./protocol.js";

export type PictureSource = "camera" | "screen";

/**
 * Who is seen, by participant and source: what `slots` says, and of that what really comes. A slot's track is there before its first packet
 * (muted, webrtc-pc section 4.4.1.5) and goes on to the next person.
 */
export class Pictures {
  readonly #changed: () => void;
  #receivers: ReadonlyMap<string, RTCRtpReceiver> = new Map();
  #slots: readonly Slot[] = [];
  /** Those who said that it is over, while the server still waits whether packets come again. Nobody wants to see the last picture for so long. */
  readonly #over = new Set<string>();
  #shown: ReadonlyMap<string, MediaStreamTrack> = new Map();
  #unwatch: (() => void) | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  of(participant: string, source: PictureSource): MediaStreamTrack | null {
    return this.#shown.get(key(participant, source)) ?? null;
  }

  /** The ids of all tracks that show something. */
  get trackIds(): ReadonlySet<string> {
    return new Set([...this.#shown.values()].map((track) => track.id));
  }

  /** Looks at another connection's slots, or at more of the same one's. */
  attach(receivers: ReadonlyMap<string, RTCRtpReceiver>): void {
    this.#unwatch?.();
    this.#receivers = receivers;
    const tracks = [...receivers.values()].map((receiver) => receiver.track);
    const check = () => this.#update();
    for (const track of tracks) {
      track.addEventListener("mute", check);
      track.addEventListener("unmute", check);
    }
    this.#unwatch = () => {
      for (const track of tracks) {
        track.removeEventListener("mute", check);
        track.removeEventListener("unmute", check);
      }
    };
    this.#update();
  }

  setSlots(slots: readonly Slot[]): void {
    const before = this.#occupied;
    this.#slots = slots.filter((slot) => slot.kind === "video");
    const now = this.#occupied;
    // Who has got a slot anew has begun anew.
    for (const who of [...this.#over]) if (before.get(who) !== now.get(who)) this.#over.delete(who);
    this.#update();
  }

  /** What the roster says of someone. */
  told(now: Participant, before: Participant): void {
    for (const source of ["camera", "screen"] as const) {
      if (now[source]) this.#over.delete(key(now.id, source));
      else if (before[source] && this.#occupied.has(key(now.id, source))) this.#over.add(key(now.id, source));
    }
    this.#update();
  }

  close(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#shown = new Map();
  }

  /** The mid of each source's slot. */
  get #occupied(): ReadonlyMap<string, string> {
    return new Map(this.#slots.flatMap(({ mid, participant, source }) => (participant === null ? [] : [[key(participant, source), mid] as const])));
  }

  #update(): void {
    const before = this.#shown;
    const shown = new Map<string, MediaStreamTrack>();
    const current = new Set([...this.#receivers.values()].map((receiver) => receiver.track));
    for (const [who, mid] of this.#occupied) {
      const track = this.#receivers.get(mid)?.track;
      if (!track || this.#over.has(who)) continue;
      const old = before.get(who);
      if (!track.muted) shown.set(who, track);
      // Another connection has taken over and its picture is not there yet: the old one's last picture is better than none.
      else if (old && !current.has(old)) shown.set(who, old);
    }
    this.#shown = shown;
    if (shown.size !== before.size || [...shown].some(([who, track]) => before.get(who) !== track)) this.#changed();
  }
}

function key(participant: string, source: string | null): string {
  return `${source} ${participant}`;
}

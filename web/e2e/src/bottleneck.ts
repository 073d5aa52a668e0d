/** What a direction of a line is like. */
export interface Conditions {
  /** Bits per second of IP packets; Infinity for a line that is fast enough. */
  rate: number;
  /** Share of packets that are lost at random, 0 to 1. */
  loss: number;
  /** Milliseconds that a packet is on its way. */
  delay: number;
  /** Milliseconds of sending that may wait in front of the line: what finds more waiting is dropped. */
  queue: number;
}

export const UNSHAPED: Conditions = { rate: Infinity, loss: 0, delay: 0, queue: Infinity };

/** What became of the packets that came to a line. */
export interface Tally {
  passed: number;
  /** At random. */
  lost: number;
  /** Because too much was waiting. */
  dropped: number;
}

/**
 * One direction of a line, as Linux's netem with `rate`, `loss`, `delay` and `limit` has it: loss comes first, then a queue that drops what comes last, then
 * the line. The clock is passed in, in milliseconds.
 */
export class Bottleneck {
  readonly tally: Tally = { passed: 0, lost: 0, dropped: 0 };
  /** When the line has sent all that it was given. */
  private free = 0;

  constructor(
    private readonly conditions: Conditions,
    private readonly random: () => number = Math.random,
  ) {}

  /** When a packet of so many bytes that comes now is at the other end; undefined: it never is. Packets arrive in order. */
  arrival(now: number, bytes: number): number | undefined {
    const { rate, loss, delay, queue } = this.conditions;
    if (this.random() < loss) {
      this.tally.lost++;
      return undefined;
    }
    const start = Math.max(now, this.free);
    if (start - now > queue) {
      this.tally.dropped++;
      return undefined;
    }
    this.tally.passed++;
    this.free = start + (8_000 * bytes) / rate;
    return this.free + delay;
  }
}

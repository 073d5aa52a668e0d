import { describe, expect, it } from "vitest";
import { Bottleneck, UNSHAPED } from "./bottleneck.ts";

describe("Bottleneck", () => {
  it("lets everything through at once when it is not shaped", () => {
    const line = new Bottleneck(UNSHAPED);
    for (let i = 0; i < 100; i++) expect(line.arrival(7, 1_500)).toBe(7);
  });

  it("sends one packet after another, and delays each", () => {
    const line = new Bottleneck({ ...UNSHAPED, rate: 1_000_000, delay: 20 });
    expect(line.arrival(100, 1_250)).toBeCloseTo(130); // 10 ms of sending
    expect(line.arrival(100, 1_250)).toBeCloseTo(140);
    expect(line.arrival(115, 125)).toBeCloseTo(141);
    expect(line.arrival(500, 125)).toBeCloseTo(521);
  });

  it("drops what finds too much waiting, and goes on when there is room again", () => {
    const line = new Bottleneck({ ...UNSHAPED, rate: 1_000_000, queue: 25 });
    const arrivals = Array.from({ length: 5 }, () => line.arrival(0, 1_250));
    expect(arrivals).toEqual([10, 20, 30, undefined, undefined]);
    expect(line.arrival(10, 1_250)).toBe(40);
    expect(line.tally).toEqual({ passed: 4, lost: 0, dropped: 2 });
  });

  it("never passes on more than its rate", () => {
    const line = new Bottleneck({ ...UNSHAPED, rate: 300_000, queue: 200 });
    let bits = 0;
    for (let now = 0; now < 10_000; now += 3) {
      const arrival = line.arrival(now, 1_000);
      if (arrival !== undefined && arrival <= 10_000) bits += 8_000;
    }
    expect(bits).toBeLessThanOrEqual(3_000_000);
    expect(bits).toBeGreaterThan(2_900_000);
  });

  it("loses its share, which does not take up the line", () => {
    let turn = 0;
    const line = new Bottleneck({ ...UNSHAPED, rate: 1_000_000, loss: 0.1 }, () => (turn++ % 10) / 10);
    for (let i = 0; i < 1_000; i++) line.arrival(i, 125);
    expect(line.tally).toEqual({ passed: 900, lost: 100, dropped: 0 });
    expect(line.arrival(1_000, 125)).toBe(undefined);
    expect(line.arrival(1_000, 125)).toBe(1_001);
  });
});

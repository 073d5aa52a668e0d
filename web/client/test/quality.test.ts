import { describe, expect, it } from "vitest";
import { assess, readCounters, type Counters } from "../src/quality.js";

const zero: Counters = { received: 0, lost: 0, samples: 0, concealed: 0, jitter: undefined, lossUp: undefined, reportUp: undefined, roundTrip: undefined, pictures: new Map() };
const connected = { connected: true, signalling: undefined, shown: new Set<string>() };

function stats(...entries: Record<string, unknown>[]): [string, unknown][] {
  return entries.map((entry, i) => [String(entry["id"] ?? i), entry]);
}

describe("readCounters", () => {
  it("sums the slots and finds the path's round trip", () => {
    const counters = readCounters(stats(
      { type: "inbound-rtp", packetsReceived: 90, packetsLost: 10, jitter: 0.02, totalSamplesReceived: 9_000, concealedSamples: 500, silentConcealedSamples: 400 },
      { type: "inbound-rtp", packetsReceived: 10, packetsLost: 0, jitter: 0.001, totalSamplesReceived: 1_000, concealedSamples: 0 },
      { type: "inbound-rtp", packetsReceived: 0, jitter: 9 },
      { type: "remote-inbound-rtp", fractionLost: 0.25, roundTripTime: 0.3 },
      { type: "candidate-pair", id: "other", currentRoundTripTime: 1 },
      { type: "candidate-pair", id: "pair", currentRoundTripTime: 0.05 },
      { type: "transport", selectedCandidatePairId: "pair" },
    ));
    expect(counters).toMatchObject({ received: 100, lost: 10, samples: 10_000, concealed: 100, jitter: 0.02, lossUp: 0.25, roundTrip: 0.05, pictures: new Map() });
  });

  it("keeps pictures apart from the sound", () => {
    const counters = readCounters(stats(
      { type: "inbound-rtp", kind: "audio", packetsReceived: 100, packetsLost: 0, jitter: 0.003 },
      { type: "inbound-rtp", kind: "video", packetsReceived: 50, packetsLost: 5, jitter: 0.5, trackIdentifier: "t", frameWidth: 640, frameHeight: 360, framesPerSecond: 29, freezeCount: 2 },
      { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.9 },
      { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.1 },
    ));
    expect(counters).toMatchObject({ received: 150, lost: 5, jitter: 0.003, lossUp: 0.1 });
    expect([...counters.pictures]).toEqual([["t", { width: 640, height: 360, framesPerSecond: 29, freezes: 2 }]]);
  });

  it("does not take what the others lose for a loss upwards", () => {
    const read = (before: ReturnType<typeof readCounters> | undefined, fractionLost: number, packetsLost: number) =>
      readCounters(stats({ type: "remote-inbound-rtp", kind: "audio", fractionLost, packetsLost }), before);
    const theirs = read(undefined, 0.1, 0);
    const ours = read(theirs, 0.2, 3);
    const noNews = read(ours, 0.2, 3);
    const theirsAgain = read(noNews, 0.1, 3);
    expect([theirs, ours, noNews, theirsAgain].map(({ lossUp }) => lossUp)).toEqual([0, 0.2, 0.2, 0]);
  });

  it("takes the loss upwards from video where no sound is sent", () => {
    expect(readCounters(stats({ type: "remote-inbound-rtp", kind: "video", fractionLost: 0.2 })).lossUp).toBe(0.2);
  });

  it("knows Firefox's way to mark the path", () => {
    const counters = readCounters(stats({ type: "candidate-pair", id: "x", selected: true, currentRoundTripTime: 0.1 }));
    expect(counters.roundTrip).toBe(0.1);
  });
});

describe("assess", () => {
  it("looks at what happened since the last time", () => {
    const before = { ...zero, received: 1_000, lost: 500, samples: 1_000, concealed: 900 };
    const now = { ...zero, received: 1_100, lost: 500, samples: 2_000, concealed: 900, jitter: 0.005, roundTrip: 0.03 };
    expect(assess(before, now, { ...connected, signalling: 80 })).toEqual({ score: "good", roundTrip: 30, loss: 0, jitter: 5, concealment: 0 });
  });

  it.each([
    ["good", { received: 100, lost: 1 }],
    ["fair", { received: 95, lost: 5 }],
    ["poor", { received: 80, lost: 20 }],
    ["fair", { roundTrip: 0.4 }],
    ["poor", { roundTrip: 0.7 }],
    ["fair", { samples: 100, concealed: 5 }],
    ["poor", { lossUp: 0.2 }],
  ] as const)("is %s with %o", (score, change) => {
    expect(assess(undefined, { ...zero, ...change }, connected).score).toBe(score);
  });

  it("is lost without a connection, and falls back on the signalling's round trip", () => {
    const quality = assess(undefined, zero, { ...connected, connected: false, signalling: 80 });
    expect(quality).toEqual({ score: "lost", roundTrip: 80, loss: undefined, jitter: undefined, concealment: undefined });
  });

  it("tells of the largest picture in which someone is seen", () => {
    const picture = (width: number, freezes: number) => ({ width, height: width / 2, framesPerSecond: 30, freezes });
    const before = { ...zero, pictures: new Map([["b", picture(640, 4)]]) };
    const now = { ...zero, pictures: new Map([["a", picture(320, 9)], ["b", picture(640, 5)], ["of before", picture(1280, 0)]]) };
    const { video } = assess(before, now, { ...connected, shown: new Set(["a", "b", "new"]) });
    expect(video).toEqual({ width: 640, height: 320, framesPerSecond: 30, freezes: 1 });
  });
});

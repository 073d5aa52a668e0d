import { describe, expect, it } from "vitest";
import { LevelFollower, SpeakingDetector, toDecibels, toLoudness } from "../src/levels.js";

describe("levels", () => {
  it("turns linear levels into decibels", () => {
    expect(toDecibels(1)).toBe(0);
    expect(toDecibels(0.1)).toBeCloseTo(-20);
    expect(toDecibels(0)).toBe(-127);
    expect(toDecibels(2)).toBe(0);
  });

  it("shows nothing below, everything above, and even steps between", () => {
    expect(toLoudness(-127)).toBe(0);
    expect(toLoudness(-60)).toBe(0);
    expect(toLoudness(-36)).toBeCloseTo(0.5);
    expect(toLoudness(0)).toBe(1);
  });

  it("rises fast and falls calmly, whatever the rate it is asked at", () => {
    const often = new LevelFollower();
    const seldom = new LevelFollower();
    often.follow(0, 0);
    seldom.follow(0, 0);
    for (let t = 10; t <= 100; t += 10) often.follow(1, t);
    expect(seldom.follow(1, 100)).toBeCloseTo(often.follow(1, 100), 5);
    expect(often.follow(1, 100)).toBeGreaterThan(0.9);
    expect(often.follow(0, 200)).toBeGreaterThan(0.5);
    expect(often.follow(0, 2_000)).toBe(0);
  });

  it("has its first value at once", () => {
    expect(new LevelFollower().follow(0.7, 5)).toBeCloseTo(0.7);
  });
});

describe("SpeakingDetector", () => {
  it("bridges the pauses between words, not those between sentences", () => {
    const detector = new SpeakingDetector();
    expect(detector.observe(-60, 0)).toBe(false);
    expect(detector.observe(-30, 100)).toBe(true);
    expect(detector.observe(-70, 500)).toBe(true);
    expect(detector.observe(-30, 550)).toBe(true);
    expect(detector.observe(-70, 1_000)).toBe(true);
    expect(detector.observe(-70, 1_100)).toBe(false);
  });

  it("needs more to begin than to go on", () => {
    const detector = new SpeakingDetector();
    expect(detector.observe(-48, 0)).toBe(false);
    detector.observe(-40, 100);
    for (let t = 200; t < 3_000; t += 100) expect(detector.observe(-48, t)).toBe(true);
  });
});

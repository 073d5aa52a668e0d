import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Stillness } from "../src/calls/stillness.svelte";
import { FrameWatch, patience } from "../src/video/flow";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a picture waits, flows, is paused, and flows again", () => {
  const watch = new FrameWatch(patience.camera);
  expect(watch.read(0, 0)).toBe("waiting");
  expect(watch.read(0, 60_000)).toBe("waiting");
  expect(watch.read(3, 60_250)).toBe("flowing");
  expect(watch.read(3, 62_000)).toBe("flowing");
  expect(watch.read(3, 63_000)).toBe("paused");
  expect(watch.read(4, 63_250)).toBe("flowing");
});

test("a page that was hidden does not take its own absence for a weak line", () => {
  const watch = new FrameWatch(patience.camera);
  watch.read(10, 0);
  watch.skip();
  expect(watch.read(10, 60_000)).toBe("flowing");
  expect(watch.read(10, 63_000)).toBe("paused");
});

test("controls fade when nothing moves, and come back", () => {
  let held = false;
  const stillness = new Stillness(() => held);
  stillness.stir();
  vi.advanceTimersByTime(3_000);
  stillness.stir();
  vi.advanceTimersByTime(3_000);
  expect(stillness.still).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect(stillness.still).toBe(true);
  stillness.stir();
  expect(stillness.still).toBe(false);
  held = true;
  vi.advanceTimersByTime(20_000);
  expect(stillness.still).toBe(false);
  held = false;
  vi.advanceTimersByTime(4_000);
  expect(stillness.still).toBe(true);
});

test("a tap sends the controls away and brings them back", () => {
  const stillness = new Stillness();
  stillness.stir();
  stillness.tap();
  expect(stillness.still).toBe(true);
  stillness.tap();
  expect(stillness.still).toBe(false);
  stillness.stop();
  vi.advanceTimersByTime(10_000);
  expect(stillness.still).toBe(false);
});

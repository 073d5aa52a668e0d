import { beforeEach, expect, test, vi } from "vitest";
import { Capture } from "../src/state/capture.svelte";

class Track extends EventTarget {
  readonly stop = vi.fn();
}

class Recorder extends Capture {
  readonly asked: string[] = [];
  answers: (() => Promise<Track>)[] = [];

  protected override acquire(deviceId: string): Promise<MediaStreamTrack> {
    this.asked.push(deviceId);
    return this.answers.shift()!() as unknown as Promise<MediaStreamTrack>;
  }
}

const refusal = (reason: string) => Object.assign(new Error("made to fail"), { reason });

/** A device that takes its time. */
function slow() {
  let give: (track: Track) => void = () => {};
  const answer = () => new Promise<Track>((resolve) => (give = resolve));
  return { answer, give: (track: Track) => give(track) };
}

let capture: Recorder;

beforeEach(() => {
  vi.stubGlobal("window", { isSecureContext: true });
  vi.stubGlobal("navigator", { mediaDevices: {} });
  capture = new Recorder();
});

test("another device takes the place of the one before, which is let go", async () => {
  const [first, second] = [new Track(), new Track()];
  capture.answers = [async () => first, async () => second];
  await capture.open("a");
  await capture.open("b");
  expect([capture.track, first.stop.mock.calls.length, second.stop.mock.calls.length]).toEqual([second, 1, 0]);
});

test("asking twice asks the person once", async () => {
  const track = new Track();
  capture.answers = [async () => track];
  expect(await Promise.all([capture.open("a"), capture.open("a")])).toEqual([track, track]);
  expect(capture.asked).toEqual(["a"]);
});

test("what comes after it was closed is let go at once", async () => {
  const [late, track] = [slow(), new Track()];
  capture.answers = [late.answer];
  const opened = capture.open("a");
  expect(capture.opening).toBe(true);
  capture.close();
  expect(capture.opening).toBe(false);
  late.give(track);
  expect(await opened).toBeNull();
  expect([capture.track, capture.trouble, track.stop.mock.calls.length]).toEqual([null, null, 1]);
});

test("of two that are asked for, the later one counts for both", async () => {
  const [late, early, wanted] = [slow(), new Track(), new Track()];
  capture.answers = [late.answer, async () => wanted];
  const both = Promise.all([capture.open("a"), capture.open("b")]);
  await capture.open("b");
  late.give(early);
  expect(await both).toEqual([wanted, wanted]);
  expect([capture.track, early.stop.mock.calls.length]).toEqual([wanted, 1]);
});

test("a remembered device that is gone is replaced by the default", async () => {
  const track = new Track();
  capture.answers = [() => Promise.reject(refusal("missing")), async () => track];
  expect(await capture.open("gone")).toBe(track);
  expect([capture.asked, capture.trouble]).toEqual([["gone", ""], null]);
});

test.each([["denied", "denied"], ["missing", "none"], ["busy", "busy"], ["?", "failed"]])("%s is explained as %s", async (reason, trouble) => {
  capture.answers = [() => Promise.reject(refusal(reason))];
  expect(await capture.open("")).toBeNull();
  expect(capture.trouble).toBe(trouble);
});

test("one that ends by itself is missed", async () => {
  const track = new Track();
  capture.answers = [async () => track];
  await capture.open("");
  track.dispatchEvent(new Event("ended"));
  expect([capture.track, capture.trouble]).toEqual([null, "none"]);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Announcer } from "../src/state/announcer.svelte";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("who speaks is said with a pause, and not again while it is the same", () => {
  const announcer = new Announcer();
  announcer.speaking("Anna is speaking");
  expect(announcer.text).toBe("");
  vi.advanceTimersByTime(2600);
  expect(announcer.text).toBe("Anna is speaking");
  announcer.say("Ben came in");
  announcer.speaking("");
  announcer.speaking("Anna is speaking");
  vi.advanceTimersByTime(10_000);
  expect(announcer.text).toBe("Ben came in");
});

test("a fast exchange is said as it stands when there is time to say it", () => {
  const announcer = new Announcer();
  for (const name of ["A", "B", "C"]) {
    announcer.speaking(name);
    vi.advanceTimersByTime(500);
  }
  vi.advanceTimersByTime(2000);
  expect(announcer.text).toBe("C");
});

test("a crowd that comes in together is one announcement", () => {
  const announcer = new Announcer();
  for (const name of ["A", "B", "C", "D", "E", "F"]) announcer.say(`${name} came in`);
  vi.advanceTimersByTime(300);
  expect(announcer.text).toBe("C came in. D came in. E came in. F came in");
  announcer.close();
});

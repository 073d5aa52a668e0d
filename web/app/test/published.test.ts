import type { Participant } from "@hubbub/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { publishedBy, Publisher } from "../src/room/published";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function publisher() {
  const sent: Record<string, string>[] = [];
  return { sent, publisher: new Publisher((attributes) => sent.push(attributes)) };
}

test("a quality is told after it has stood for five seconds", () => {
  const { sent, publisher: p } = publisher();
  p.quality("good");
  vi.advanceTimersByTime(4900);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(sent).toEqual([{ quality: "good" }]);
});

test("a flicker is not told, nor the same once more", () => {
  const { sent, publisher: p } = publisher();
  p.quality("good");
  vi.advanceTimersByTime(5000);
  p.quality("poor");
  vi.advanceTimersByTime(2000);
  p.quality("good");
  p.quality("good");
  vi.advanceTimersByTime(20_000);
  expect(sent).toEqual([{ quality: "good" }]);
});

test("not hearing is told at once, beside the quality", () => {
  const { sent, publisher: p } = publisher();
  p.quality("fair");
  vi.advanceTimersByTime(5000);
  p.deafened(true);
  p.deafened(false);
  expect(sent).toEqual([{ quality: "fair" }, { quality: "fair", deafened: "yes" }, { quality: "fair" }]);
});

test("what others publish is not trusted", () => {
  const person = (attributes: Record<string, string>) => ({ attributes }) as unknown as Participant;
  expect(publishedBy(person({ quality: "poor", deafened: "yes" }))).toEqual({ quality: "poor", deafened: true });
  expect(publishedBy(person({ quality: "<b>", deafened: "maybe" }))).toEqual({ quality: "unknown", deafened: false });
  expect(publishedBy(person({}))).toEqual({ quality: "unknown", deafened: false });
});

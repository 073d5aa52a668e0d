import { expect, test } from "vitest";
import { insert, timeline, type Entry } from "../src/text/timeline";

const noon = new Date(2026, 5, 1, 12).getTime();
const minute = 60_000;
const entry = (key: string, user: string, time: number, more: Partial<Entry> = {}): Entry => ({
  key, kind: "message", user, name: user, own: false, text: key, time, delivery: "sent", ...more,
});
const shape = (entries: Entry[], unread?: string) =>
  timeline(entries, unread).map((b) => (b.kind === "group" ? b.entries.map((e) => e.key).join("") : b.kind));

test("one person's texts stand together for five minutes", () => {
  expect(shape([entry("a", "x", noon), entry("b", "x", noon + minute), entry("c", "x", noon + 9 * minute), entry("d", "y", noon + 9 * minute)]))
    .toEqual(["day", "ab", "c", "d"]);
});

test("a new day has a line", () => {
  expect(shape([entry("a", "x", noon - 24 * 60 * minute), entry("b", "x", noon)])).toEqual(["day", "a", "day", "b"]);
});

test("the unread line is above the first unread text, within a group too", () => {
  expect(shape([entry("a", "x", noon), entry("b", "x", noon)], "b")).toEqual(["day", "a", "unread", "b"]);
});

test("whispers keep to themselves", () => {
  const to = (user: string) => ({ kind: "whisper" as const, peer: { user, name: user } });
  expect(shape([entry("a", "x", noon), entry("b", "x", noon, to("y")), entry("c", "x", noon, to("z")), entry("d", "x", noon, to("z"))]))
    .toEqual(["day", "a", "b", "cd"]);
});

test("a whisper goes where its time belongs", () => {
  const entries = [entry("1", "x", 10), entry("2", "x", 20), entry("3", "x", 40)];
  for (const e of [entry("w", "y", 30), entry("v", "y", 40), entry("u", "y", 5)]) insert(entries, e);
  expect(entries.map((e) => e.key)).toEqual(["u", "1", "2", "w", "3", "v"]);
});

import { describe, expect, test } from "vitest";
import { initials } from "../src/text/initials";
import { pathOfRoom, roomFromPath, suggestRoomName, toRoomName } from "../src/text/room-name";
import { hueOf, hues } from "../src/room/hue";

test.each([
  ["Anna", "A"], ["anna lee", "AL"], ["Jean-Luc van Dam", "JD"], ["王小明", "小明"], ["李娜", "李娜"], ["  ", "?"],
  ["🦊 Fox", "🦊F"], ["👩‍🚀", "👩‍🚀"], ["ß", "SS"], ["김철수", "철수"],
])("initials of %s are %s", (name, expected) => expect(initials(name)).toBe(expected));

test.each([
  ["Tea time!", "Tea-time"], ["  a  b ", "a-b"], ["周末 闲聊", "周末-闲聊"], ["<script>", "script"], ["a/b", "ab"], ["--", ""],
  ["x".repeat(80), "x".repeat(64)], ["team:standup_1.0", "team:standup_1.0"],
])("%s becomes the room %s", (typed, expected) => expect(toRoomName(typed)).toBe(expected));

describe("addresses", () => {
  test.each([["/", ""], ["/r/tea", "tea"], ["/r/tea/", "tea"], ["/r/%E8%8C%B6", "茶"], ["/r/%", ""], ["/x/tea", ""], ["/r/a/b", ""]])(
    "%s names %s", (path, room) => expect(roomFromPath(path)).toBe(room));
  test.each(["tea", "茶", "team:standup"])("%s is found again", (room) => expect(roomFromPath(pathOfRoom(room))).toBe(room));
});

test("suggestions are good names", () => {
  for (const r of [0, 0.5, 0.999]) {
    const name = suggestRoomName(() => r);
    expect(toRoomName(name)).toBe(name);
  }
});

test("colours are stable and spread", () => {
  expect(hueOf("u1")).toBe(hueOf("u1"));
  const seen = new Set(Array.from({ length: 200 }, (_, i) => hueOf(`user-${i}`)));
  expect(seen.size).toBe(hues.length);
});

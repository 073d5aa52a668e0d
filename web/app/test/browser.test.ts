import { expect, test } from "vitest";
import { browserAtHand } from "../src/lobby/browser";
import { actionOf } from "../src/room/shortcuts";

const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15";

test.each([
  [chrome, 0, "chromium"],
  [`${chrome} Edg/140.0`, 0, "chromium"],
  [safari, 0, "safari"],
  [safari, 5, "ios"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile Safari/604.1", 5, "ios"],
  ["Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", 5, "android"],
  ["Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", 5, "other"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 0, "firefox"],
] as const)("%s", (userAgent, touchPoints, expected) => expect(browserAtHand(userAgent, touchPoints)).toBe(expected));

const press = (key: string, more = {}) => actionOf({ key, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, repeat: false, ...more });

test("keys act alone, once, and in either case", () => {
  expect([press("m"), press("M"), press("v"), press("?"), press(" "), press("x")]).toEqual(["mute", "mute", "camera", "shortcuts", "push", undefined]);
  expect([press("d", { ctrlKey: true }), press("m", { metaKey: true }), press("h", { altKey: true }), press("m", { repeat: true }), press("c", { isComposing: true })])
    .toEqual(Array(5).fill(undefined));
});

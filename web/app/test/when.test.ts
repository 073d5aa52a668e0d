import { expect, test } from "vitest";
import { When } from "../src/text/when";

const now = new Date(2026, 5, 3, 15, 0).getTime();

test("English", () => {
  const when = new When("en");
  expect(when.short(now - 5000, now)).toBe("now");
  expect(when.short(now - 5 * 60_000, now)).toBe("5 min. ago");
  expect(when.short(new Date(2026, 5, 3, 9, 5).getTime(), now)).toMatch(/9:05/);
  expect(when.day(now, now)).toBe("today");
  expect(when.day(now - 86_400_000, now)).toBe("yesterday");
  expect(when.day(new Date(2026, 5, 1).getTime(), now)).toBe("Monday, June 1");
});

test("Chinese", () => {
  const when = new When("zh-CN");
  expect(when.day(now, now)).toBe("今天");
  expect(when.short(now - 5 * 60_000, now)).toBe("5分钟前");
});

import { expect, test } from "vitest";
import { splitFor } from "../src/room/layout";
import { frameOf, smallSize } from "../src/video/framing";

const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 800 };

test("a picture that nearly fits fills its place", () => {
  expect(frameOf(16 / 9, desk)).toEqual(desk);
  expect(frameOf(4 / 3, desk)).toEqual(desk);
  expect(frameOf(9 / 16, phone)).toEqual(phone);
});

test.each([[16 / 9, phone], [9 / 16, desk], [21 / 9, phone]])("of a picture of %d at least half is seen", (aspect, place) => {
  const { width, height } = frameOf(aspect, place);
  expect(width).toBeLessThanOrEqual(place.width);
  expect(height).toBeLessThanOrEqual(place.height);
  const shown = Math.min(aspect, width / height) / Math.max(aspect, width / height);
  expect(shown).toBeGreaterThanOrEqual(0.549);
  // And one edge at least is filled.
  expect(width === place.width || height === place.height).toBe(true);
});

test.each([[16 / 10, phone], [16 / 10, desk], [9 / 16, desk]])("a screen of %d is seen whole", (aspect, place) => {
  const { width, height } = frameOf(aspect, place, true);
  expect(width / height).toBeCloseTo(aspect);
  expect([width <= place.width + 0.01, height <= place.height + 0.01]).toEqual([true, true]);
});

test("what has no size yet draws nothing", () => {
  expect(frameOf(Number.NaN, desk)).toEqual({ width: 0, height: 0 });
  expect(frameOf(1, { width: 0, height: 10 })).toEqual({ width: 0, height: 0 });
});

test("small pictures have one area in either shape, and leave most of a phone free", () => {
  const [wide, tall] = [smallSize(16 / 9, phone), smallSize(9 / 16, phone)];
  expect(wide.width * wide.height).toBeCloseTo(tall.width * tall.height, -3);
  expect(wide.width).toBeLessThan(phone.width / 2);
  expect(tall.width).toBeLessThan(tall.height);
});

test("a shared screen stands beside the people where it is wide, above them where it is not", () => {
  const wide = splitFor(16 / 9, 1280, 640);
  expect(wide.beside).toBe(true);
  expect(1280 - wide.screen).toBeGreaterThanOrEqual(150);
  const narrow = splitFor(16 / 9, 390, 600);
  expect(narrow.beside).toBe(false);
  expect(narrow.screen).toBeLessThan(300);
  expect(splitFor(9 / 16, 390, 600).screen).toBeLessThanOrEqual(372);
});

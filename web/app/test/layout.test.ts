import { describe, expect, test } from "vitest";
import { gaps, layoutFor, rowHeight } from "../src/room/layout";

const screens = [[360, 460], [390, 560], [700, 600], [860, 580], [1400, 900]] as const;

describe.each(screens)("a stage of %i × %i", (width, height) => {
  test.each([1, 2, 3, 8, 17, 50])("%i people fit its width", (people) => {
    const { columns, tile } = layoutFor(people, width, height);
    expect(columns * tile + (columns - 1) * gaps(width).column).toBeLessThanOrEqual(width);
    expect(tile).toBeGreaterThanOrEqual(64);
    expect(tile).toBeLessThanOrEqual(264);
  });

  test.each([1, 2, 8])("%i people are seen without scrolling", (people) => {
    const { columns, tile } = layoutFor(people, width, height);
    const rows = Math.ceil(people / columns);
    expect(rows * rowHeight(tile) + (rows - 1) * gaps(width).row).toBeLessThanOrEqual(height + 1);
  });
});

test("a phone shows fifty people as compact tiles, several in a row", () => {
  const { columns, density } = layoutFor(50, 336, 460);
  expect(columns).toBeGreaterThanOrEqual(3);
  expect(density).toBe("compact");
});

test("faces may be larger than portraits, where there is room", () => {
  expect(layoutFor(2, 1400, 900, "pictures").tile).toBeGreaterThan(layoutFor(2, 1400, 900).tile);
  expect(layoutFor(2, 360, 460, "pictures").tile).toBe(layoutFor(2, 360, 460).tile);
});

test("nobody at all is no error", () => expect(layoutFor(0, 300, 300).columns).toBe(1));

import { describe, expect, test } from "vitest";
import { cornerByKey, cornerNear, corners, placeOf } from "../src/calls/corner";

const place = { width: 800, height: 600 };
const size = { width: 160, height: 90 };
const rest = { x: 0, y: 0 };

describe.each(corners)("%s", (corner) => {
  test("lies within the place", () => {
    const { x, y } = placeOf(corner, place, size);
    expect([x > 0, y > 0, x + size.width < place.width, y + size.height < place.height]).toEqual([true, true, true, true]);
  });
  test("is nearest to itself", () => expect(cornerNear(placeOf(corner, place, size), rest, place, size)).toBe(corner));
  test("is left by an arrow, and found again by the opposite one", () => {
    const back = { ArrowUp: "ArrowDown", ArrowDown: "ArrowUp", ArrowLeft: "ArrowRight", ArrowRight: "ArrowLeft" };
    for (const [key, opposite] of Object.entries(back)) {
      const next = cornerByKey(corner, key)!;
      if (next !== corner) expect(cornerByKey(next, opposite)).toBe(corner);
    }
  });
});

test("what is thrown comes to rest where it flies", () => {
  const middle = { x: 320, y: 255 };
  expect(cornerNear(middle, { x: 2, y: -2 }, place, size)).toBe("top-right");
  expect(cornerNear(middle, { x: -2, y: 2 }, place, size)).toBe("bottom-left");
  // Slowly let go, it stays on its side.
  expect(cornerNear({ x: 10, y: 10 }, { x: 0.3, y: 0.3 }, place, size)).toBe("top-left");
});

test("a place that is too small keeps the upper left in view", () => expect(placeOf("bottom-right", { width: 100, height: 60 }, size)).toEqual({ x: 14, y: 14 }));

test("other keys move nothing", () => expect(cornerByKey("top-left", "Enter")).toBeUndefined());

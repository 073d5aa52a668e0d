import { describe, expect, it } from "vitest";
import { COLOURS, namePicture, PALETTE, PICTURES, type RGB } from "./pictures.ts";

const [WIDTH, HEIGHT] = [32, 18];

/** The pixels of a picture, each changed by `disturb`. */
function pixels(left: RGB, right: RGB, disturb: (value: number, x: number, y: number) => number = (value) => value): Uint8ClampedArray {
  const data = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const colour = x < WIDTH / 2 ? left : right;
      colour.forEach((value, c) => (data[4 * (y * WIDTH + x) + c] = disturb(value, x, y)));
    }
  }
  return data;
}

const of = (picture: string) => picture.split("+").map((name) => COLOURS[name]!) as [RGB, RGB];
const name = (data: Uint8ClampedArray) => namePicture(data, WIDTH, PALETTE);

describe("namePicture", () => {
  it("names each picture", () => {
    for (const picture of PICTURES) expect(name(pixels(...of(picture)))).toBe(picture);
  });

  it("names a picture that is dim, pale and noisy", () => {
    let seed = 1;
    const noise = () => ((seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5) * 120;
    for (const picture of PICTURES) {
      const disturbed = pixels(...of(picture), (value) => 20 + value * 0.8 + noise());
      expect(name(disturbed)).toBe(picture);
    }
  });

  it("does not look at the strip on top", () => {
    expect(name(pixels(...of("red+blue"), (value, _, y) => (y < HEIGHT / 4 ? 255 : value)))).toBe("red+blue");
  });

  it("does not take a mirror image for one of the pictures", () => {
    for (const picture of PICTURES) {
      const [left, right] = of(picture);
      expect(PICTURES).not.toContain(name(pixels(right, left)));
    }
  });

  it("says what it sees where there is no such colour", () => {
    expect(name(pixels([128, 128, 128], COLOURS["red"]!))).toBe("128/128/128+red");
  });
});

/** A colour as a canvas has it: red, green and blue, 0 to 255. */
export type RGB = readonly [red: number, green: number, blue: number];

/** The colours that pictures are made of: far enough from each other that no encoder turns one into another. */
export const COLOURS: Readonly<Record<string, RGB>> = {
  black: [20, 20, 20],
  white: [235, 235, 235],
  red: [220, 30, 30],
  green: [30, 190, 30],
  blue: [30, 30, 220],
  yellow: [220, 220, 30],
  magenta: [210, 30, 210],
  cyan: [30, 210, 210],
};

/**
 * The pictures that cameras and screens in the tests show, `LEFT+RIGHT` by the colours of their halves. None is another's mirror image,
 * so that a picture that is turned around is not taken for one of them.
 */
export const PICTURES: readonly string[] = Object.keys(COLOURS).flatMap((left, i, names) =>
  names.slice(i + 1).map((right) => `${left}+${right}`),
);

/** Of pixels, in red, green and blue. Found by measuring: what codecs do to a colour stays below half of it. */
const FARTHEST = 80;

/** How sure one must be: see {@link namePicture}. */
export interface Palette {
  colours: Readonly<Record<string, RGB>>;
  /** The largest distance from a colour that still is this colour. */
  farthest: number;
}

export const PALETTE: Palette = { colours: COLOURS, farthest: FARTHEST };

/**
 * Names a picture by the means of its left and its right half, as {@link PICTURES} does; a half that is none of the colours is given
 * in numbers. `pixels` are rows of RGBA, as `getImageData` gives them. The upper quarter, where cameras show that time passes, and what is near an edge do not count.
 *
 * It refers to nothing outside of itself, since its source text is put into the page that looks.
 */
export function namePicture(pixels: Uint8ClampedArray, width: number, palette: Palette): string {
  const height = pixels.length / 4 / width;
  const half = (from: number, to: number): string => {
    const sum = [0, 0, 0];
    let count = 0;
    for (let y = Math.ceil(height * 0.35); y < Math.floor(height * 0.9); y++) {
      for (let x = Math.ceil(width * from); x < Math.floor(width * to); x++, count++) {
        for (let c = 0; c < 3; c++) sum[c]! += pixels[4 * (y * width + x) + c]!;
      }
    }
    const mean = sum.map((c) => c / count);
    const distance = (colour: RGB) => Math.hypot(...colour.map((c, i) => c - mean[i]!));
    const [nearest] = Object.entries(palette.colours).sort(([, a], [, b]) => distance(a) - distance(b));
    return distance(nearest![1]) <= palette.farthest ? nearest![0] : mean.map(Math.round).join("/");
  };
  return `${half(0.1, 0.4)}+${half(0.6, 0.9)}`;
}

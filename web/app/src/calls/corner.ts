import type { Size } from "../video/framing";

/** Where the small pictures of a call rest. */
export const corners = ["top-left", "top-right", "bottom-left", "bottom-right"] as const;
export type Corner = (typeof corners)[number];

export interface Point {
  x: number;
  y: number;
}

/** Between what rests in a corner and the edges, CSS pixels. */
const margin = 14;
/** How far a throw carries, in milliseconds of its speed. */
const carry = 140;

/** The top left of something that rests in a corner of a place. */
export function placeOf(corner: Corner, place: Size, size: Size): Point {
  const [vertical, horizontal] = corner.split("-");
  return {
    x: horizontal === "left" ? margin : Math.max(margin, place.width - size.width - margin),
    y: vertical === "top" ? margin : Math.max(margin, place.height - size.height - margin),
  };
}

/** The corner that something let go at `at` comes to rest in; `speed` in CSS pixels per millisecond. */
export function cornerNear(at: Point, speed: Point, place: Size, size: Size): Corner {
  const middle = { x: at.x + speed.x * carry + size.width / 2, y: at.y + speed.y * carry + size.height / 2 };
  return `${middle.y < place.height / 2 ? "top" : "bottom"}-${middle.x < place.width / 2 ? "left" : "right"}`;
}

/** The corner that an arrow key leads to; undefined for keys that are no arrows. */
export function cornerByKey(corner: Corner, key: string): Corner | undefined {
  const [vertical, horizontal] = corner.split("-") as ["top" | "bottom", "left" | "right"];
  switch (key) {
    case "ArrowUp": return `top-${horizontal}`;
    case "ArrowDown": return `bottom-${horizontal}`;
    case "ArrowLeft": return `${vertical}-left`;
    case "ArrowRight": return `${vertical}-right`;
    default: return undefined;
  }
}

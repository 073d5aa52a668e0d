/** In CSS pixels. */
export interface Size {
  width: number;
  height: number;
}

/** As much of a camera's picture is seen at least, in each direction: cropped further, it is no longer the same picture. */
const kept = 0.55;

/**
 * How large a picture is drawn in a place: it fills the place, cropped at its edges, as long as enough of it is left; else it leaves
 * some of the place free. `whole`: nothing is cropped. All in CSS pixels; `aspect` is width by height.
 */
export function frameOf(aspect: number, place: Size, whole = false): Size {
  const { width, height } = place;
  if (width <= 0 || height <= 0 || !(aspect > 0)) return { width: 0, height: 0 };
  const keep = whole ? 1 : kept;
  const placed = width / height;
  if (placed < aspect) return { width, height: Math.min(height, width / (aspect * keep)) };
  return { width: Math.min(width, height * (aspect / keep)), height };
}

/** The small pictures of a call: of about one area whatever their shape, and in proportion to the screen. */
export function smallSize(aspect: number, place: Size): Size {
  const side = Math.min(190, Math.max(92, Math.min(place.width, place.height) * 0.26));
  const root = Math.sqrt(Math.min(2.4, Math.max(0.42, aspect || 4 / 3)));
  return { width: Math.round(side * root), height: Math.round(side / root) };
}

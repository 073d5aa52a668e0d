export interface Layout {
  columns: number;
  /** Width of a tile, CSS pixels. */
  tile: number;
  density: "roomy" | "medium" | "compact";
}

/** Height of a tile for its width: the arched window and the line with the name beneath it. */
export const rowHeight = (tile: number) => tile * windowAspect + caption;
export const windowAspect = 1.08;
const caption = 34;
/** Between tiles beside each other, and between rows, whose names keep them apart already. */
export const gaps = (width: number) => (width < 520 ? { column: 12, row: 8 } : { column: 18, row: 12 });
/** Faces may be larger than portraits. */
const largest = { portraits: 264, pictures: 400 };

/** Where a shared screen stands: beside the people, or above them, and how much of the stage it takes in that direction, in CSS pixels. */
export interface Split {
  beside: boolean;
  screen: number;
}

/** Room for the line beneath a shared screen. */
const screenCaption = 52;

/** A shared screen gets the most of the stage; who listens to it, a strip. `aspect` is the screen's, width by height. */
export function splitFor(aspect: number, width: number, height: number): Split {
  const strip = Math.min(280, Math.max(150, width * 0.2));
  if (width - strip > height * 0.9) return { beside: true, screen: width - strip };
  return { beside: false, screen: Math.min(height * 0.62, width / aspect + screenCaption) };
}

/**
 * How many people go into a row, and how large each is shown: as large as lets all fit into the stage, but not smaller than can be
 * read; what is beyond is scrolled to. All in CSS pixels.
 */
export function layoutFor(people: number, width: number, height: number, content: keyof typeof largest = "portraits"): Layout {
  const narrow = width < 520;
  const { column: gap, row } = gaps(width);
  // All at once is worth smaller tiles; who must scroll anyway sees larger ones.
  const smallest = 72;
  const scrolled = narrow ? 72 : 84;
  let best = { columns: 1, tile: 0, last: 0 };
  for (let columns = 1; columns <= Math.max(1, people); columns++) {
    const rows = Math.ceil(people / columns);
    const tile = Math.min(
      largest[content],
      (width - (columns - 1) * gap) / columns,
      ((height - (rows - 1) * row) / rows - caption) / windowAspect,
    );
    const last = people - (rows - 1) * columns;
    // Of two that are about as large the one with the fuller last row looks calmer.
    if (tile > best.tile + 6 || (tile > best.tile - 6 && last / columns > best.last + 0.2)) best = { columns, tile, last: last / columns };
  }
  if (best.tile < smallest) {
    const columns = Math.max(1, Math.floor((width + gap) / (scrolled + gap)));
    best = { columns, tile: Math.min(largest[content], (width - (columns - 1) * gap) / columns), last: 1 };
    if (!narrow) best.tile = Math.min(best.tile, scrolled * 1.15);
  }
  const tile = Math.max(48, Math.floor(best.tile));
  return { columns: best.columns, tile, density: tile >= 168 ? "roomy" : tile >= 112 ? "medium" : "compact" };
}

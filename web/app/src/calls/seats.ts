/** What a call can show: pictures, and portraits in the place of those that are off. */
export type Seat = "their-screen" | "their-camera" | "own-camera" | "their-portrait" | "own-portrait";

export interface Showing {
  theirScreen: boolean;
  theirCamera: boolean;
  ownCamera: boolean;
}

export interface Seats {
  /** Null when there is no picture of the other, nor was one's own brought to the front. */
  large: Seat | null;
  small: readonly Seat[];
}

/** Who is seen large and who small. `front` is what was last brought to the front by hand, if it is still there. */
export function seatsOf({ theirScreen, theirCamera, ownCamera }: Showing, front?: Seat): Seats {
  const pictures: Seat[] = [];
  if (theirScreen) pictures.push("their-screen");
  if (theirCamera) pictures.push("their-camera");
  const theirs = pictures.length > 0;
  if (ownCamera) pictures.push("own-camera");
  const large = front && pictures.includes(front) ? front : theirs ? pictures[0]! : null;
  const small = pictures.filter((seat) => seat !== large);
  if (large === "own-camera" && !theirs) small.unshift("their-portrait");
  if (large && !ownCamera) small.push("own-portrait");
  return { large, small };
}

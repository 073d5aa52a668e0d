import { expect, test } from "vitest";
import { seatsOf, type Seat, type Showing } from "../src/calls/seats";

const on = (...pictures: (keyof Showing)[]): Showing => ({
  theirScreen: pictures.includes("theirScreen"), theirCamera: pictures.includes("theirCamera"), ownCamera: pictures.includes("ownCamera"),
});

test.each<[Showing, Seat | undefined, Seat | null, Seat[]]>([
  [on(), undefined, null, []],
  [on("ownCamera"), undefined, null, ["own-camera"]],
  [on("theirCamera"), undefined, "their-camera", ["own-portrait"]],
  [on("theirCamera", "ownCamera"), undefined, "their-camera", ["own-camera"]],
  [on("theirCamera", "ownCamera"), "own-camera", "own-camera", ["their-camera"]],
  [on("theirScreen", "theirCamera", "ownCamera"), undefined, "their-screen", ["their-camera", "own-camera"]],
  [on("theirScreen", "theirCamera"), "their-camera", "their-camera", ["their-screen", "own-portrait"]],
  [on("ownCamera"), "own-camera", "own-camera", ["their-portrait"]],
  // What was brought to the front is gone.
  [on("theirCamera"), "own-camera", "their-camera", ["own-portrait"]],
])("%j with %s in front", (showing, front, large, small) => expect(seatsOf(showing, front)).toEqual({ large, small }));

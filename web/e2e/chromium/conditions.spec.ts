import type { Conditions } from "../src/bottleneck.ts";
import { expect, test } from "../src/fixtures.ts";
import { watchFluency } from "../src/fluency.ts";

/** Of a call on a train. All of them are measured by `make call-conditions`. */
const DOWN: Conditions = { rate: 400_000, loss: 0.02, delay: 20, queue: 250 };
const SECONDS = 6;

test("on a slow line that loses packets, sound and picture go on, sound first", async ({ sdkPerson, room }) => {
  const camera = { width: 640, height: 360, framesPerSecond: 20, detailed: true };
  const [ada, ben] = [await sdkPerson("Ada", { line: {} }), await sdkPerson("Ben", { camera })];
  await ada.join(room, { slots: 1, video: 1 });
  await ben.join(room, { slots: 1, video: 1 });
  await ben.camera(true);
  await expect.poll(async () => (await ada.videoStats()).received.framesDecoded).toBeGreaterThan(20);
  ada.line!.shape({ down: DOWN });
  await watchFluency(ada, 3); // until the server has noticed
  const { framesPerSecond, longestPause, concealedAudibly, videoRate, audioRate } = await watchFluency(ada, SECONDS);
  console.log(
    `video ${(videoRate / 1000).toFixed(0)} kbit/s, ${framesPerSecond.toFixed(1)} frames/s, longest pause ${longestPause.toFixed(1)} s; ` +
      `sound ${(audioRate / 1000).toFixed(0)} kbit/s, ${(100 * concealedAudibly).toFixed(1)} % made up`,
  );
  expect(framesPerSecond, "frames a second").toBeGreaterThan(2);
  expect(concealedAudibly, "share of the sound that was made up").toBeLessThan(0.1);
  expect(ada.line!.tally.down.passed, "packets that came through the line").toBeGreaterThan(0);
});

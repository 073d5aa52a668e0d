import { expectToSee } from "../src/seeing.ts";
import { expect, test } from "../src/fixtures.ts";

const CALLS = 10;

test("from accepting a video call to the first picture of the other", async ({ person }) => {
  test.setTimeout(CALLS * 20_000);
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ben.beOnline();
  await ada.beOnline();
  const [atCaller, atCallee]: [number[], number[]] = [[], []];
  for (let i = 0; i < CALLS; i++) {
    await ada.call(ben, "video");
    await expect(ben.get("call-accept-video")).toBeEnabled();
    const clicked = ben.page.evaluate(() => window.videoInstrument.clicked("[data-testid=call-accept-video]"));
    const first = [ada, ben].map((someone) => someone.page.evaluate(() => window.videoInstrument.firstPicture()));
    await ben.accept("video");
    const accepted = await clicked;
    atCaller.push((await first[0]!) - accepted);
    atCallee.push((await first[1]!) - accepted);
    await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
    await ada.use("hang-up");
    await expect(ben.get("call-outcome")).toHaveAttribute("data-kind", "ended");
  }
  for (const [who, times] of [["who accepts", atCallee], ["who called", atCaller]] as const) {
    times.sort((a, b) => a - b);
    const median = (times[CALLS / 2 - 1]! + times[CALLS / 2]!) / 2;
    console.log(`accept to first picture, for ${who}: median ${median.toFixed(0)} ms of ${CALLS} (${times.map((t) => t.toFixed(0)).join(", ")})`);
  }
});

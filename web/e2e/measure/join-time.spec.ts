import { expectToHear } from "../src/hearing.ts";
import { test } from "../src/fixtures.ts";

const JOINS = 10;

test("from the click on Join to the first sound", async ({ person, room }) => {
  const [ben, ada] = [await person("Ben"), await person("Ada")];
  await ben.enter(room);
  const times: number[] = [];
  for (let i = 0; i < JOINS; i++) {
    await ada.open(room);
    const time = ada.page.evaluate(() => window.instrument.soundAfterClick("[data-testid=join]"));
    await ada.join();
    times.push(await time);
    await expectToHear(ada, [ben.tone]);
    await ada.get("leave").click();
  }
  times.sort((a, b) => a - b);
  const median = (times[JOINS / 2 - 1]! + times[JOINS / 2]!) / 2;
  console.log(`join to first sound: median ${median.toFixed(0)} ms of ${JOINS} (${times.map((t) => t.toFixed(0)).join(", ")})`);
});

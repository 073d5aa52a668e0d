import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";
import type { AudioStats } from "../src/instrument.ts";

test("more people than slots: the ones who talk are heard, whoever they are", async ({ sdkPerson, room }) => {
  const [ada, ben, cleo, dev, eve] = await Promise.all(["Ada", "Ben", "Cleo", "Dev", "Eve"].map((name) => sdkPerson(name)));
  const others = [ben!, cleo!, dev!, eve!];
  for (const other of others) await other.talk(false);
  await ada!.talk(false);
  await ada!.join(room, { slots: 2 });
  for (const other of others) await other.join(room, { slots: 2 });

  await ben!.talk(true);
  await cleo!.talk(true);
  await expectToHear(ada!, [ben!.tone, cleo!.tone]);
  await expectToHear(dev!, [ben!.tone, cleo!.tone]);
  await expectToHear(ben!, [cleo!.tone]);

  await ben!.talk(false);
  await dev!.talk(true);
  await expectToHear(ada!, [cleo!.tone, dev!.tone]);
  await expectToHear(ben!, [cleo!.tone, dev!.tone]);

  await cleo!.talk(false);
  await eve!.talk(true);
  await expectToHear(ada!, [dev!.tone, eve!.tone]);
  await expect.poll(() => ada!.slots()).toEqual(expect.arrayContaining(["Dev", "Eve"]));
});

test("a switch of speakers conceals nothing beyond the gap", async ({ sdkPerson, room }) => {
  const SWITCHES = 8;
  const [ada, ben, cleo] = await Promise.all(["Ada", "Ben", "Cleo"].map((name) => sdkPerson(name)));
  for (const person of [ada!, ben!, cleo!]) await person.talk(false);
  await ada!.join(room, { slots: 1 });
  await ben!.join(room, { slots: 1 });
  await cleo!.join(room, { slots: 1 });

  await ben!.talk(true);
  await expectToHear(ada!, [ben!.tone]);
  const first = await ada!.stats();
  const concealed: number[] = [];
  let [speaker, next] = [ben!, cleo!];
  for (let i = 0; i < SWITCHES; i++) {
    const before = await ada!.stats();
    await speaker.talk(false);
    await next.talk(true);
    await expect.poll(() => ada!.heard(), { message: `${next.name} is heard after ${speaker.name}` }).toEqual([next.tone]);
    const after = await ada!.stats();
    const samples = (stats: AudioStats) => stats.concealedSamples - stats.silentConcealedSamples;
    concealed.push((samples(after) - samples(before)) / 48);
    [speaker, next] = [next, speaker];
  }
  const last = await ada!.stats();

  concealed.sort((a, b) => a - b);
  const median = (concealed[SWITCHES / 2 - 1]! + concealed[SWITCHES / 2]!) / 2;
  console.log(
    `${SWITCHES} switches: ms of audible concealment: median ${median.toFixed(1)} (${concealed.map((ms) => ms.toFixed(0)).join(", ")}), ` +
      `packets lost ${last.packetsLost - first.packetsLost}, jitter buffer ${last.jitterBufferDelay.toFixed(0)} ms`,
  );
  expect(last.packetsLost - first.packetsLost, "packets that the receiver misses").toBe(0);
  // The median, since a busy machine holds a page up now and then, with or without a switch.
  expect(median, "ms of audible concealment a switch").toBeLessThan(20);
});

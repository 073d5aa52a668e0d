import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";

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
  const before = await ada!.stats();
  let [speaker, next] = [ben!, cleo!];
  for (let i = 0; i < SWITCHES; i++) {
    await speaker.talk(false);
    await next.talk(true);
    await expect.poll(() => ada!.heard(), { message: `${next.name} is heard after ${speaker.name}` }).toEqual([next.tone]);
    [speaker, next] = [next, speaker];
  }
  const after = await ada!.stats();

  const ms = (samples: number) => samples / 48;
  const concealed = ms(after.concealedSamples - before.concealedSamples);
  const silent = ms(after.silentConcealedSamples - before.silentConcealedSamples);
  const audible = (concealed - silent) / SWITCHES;
  console.log(
    `${SWITCHES} switches: ${concealed.toFixed(0)} ms concealed, ${silent.toFixed(0)} ms of it silent, ` +
      `${audible.toFixed(1)} ms audible a switch, lost ${after.packetsLost - before.packetsLost}, ` +
      `jitter buffer ${after.jitterBufferDelay.toFixed(0)} ms`,
  );
  expect(after.packetsLost - before.packetsLost, "packets that the receiver misses").toBe(0);
  expect(audible, "ms of audible concealment a switch").toBeLessThan(40);
});

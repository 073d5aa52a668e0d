import { CHROMIUM, CHROMIUM_ARGS } from "../src/browsers.ts";
import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";

test.use({
  launchOptions: {
    executablePath: CHROMIUM,
    args: [...CHROMIUM_ARGS, "--webrtc-ip-handling-policy=disable_non_proxied_udp"],
  },
});

test("where UDP does not pass, voices go over TCP", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.enter(room);
  await ben.enter(room);
  await expectToHear(ada, [ben.tone]);
  await expectToHear(ben, [ada.tone]);

  const protocols = await ada.page.evaluate(async () => {
    const stats = [...(await window.instrument.connections.at(-1)!.getStats()).values()];
    const pairs = stats.filter((report) => report.type === "candidate-pair" && report.nominated);
    return pairs.map((pair) => stats.find(({ id }) => id === pair.localCandidateId).protocol);
  });
  expect(protocols).toEqual(["tcp"]);
});

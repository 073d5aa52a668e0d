import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";
import { Proxy } from "../src/proxy.ts";

const LOST = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INTERNET_DISCONNECTED/;

test.describe("with a grace time of 3 s", () => {
  test.use({ serverOptions: { flags: ["--grace=3s"] } });

  test("a restart of the server heals by itself, within seconds, and so does a crash", async ({ person, room, server }) => {
    const [ada, ben] = [await person("Ada"), await person("Ben")];
    for (const someone of [ada, ben]) someone.watch.allow(LOST);
    await ada.enter(room);
    await ben.enter(room);
    await expectToHear(ada, [ben.tone]);

    await server.stop();
    await expect(ada.get("room")).toHaveAttribute("data-state", "reconnecting");
    await expect(ada.get("banner")).toHaveAttribute("data-kind", "reconnecting");
    await server.start();
    await ada.expectConnected(30_000);
    await ben.expectConnected(30_000);
    await expect(ada.get("banner")).toHaveCount(0);
    await expect(ada.get("tile")).toHaveCount(2);
    await expectToHear(ada, [ben.tone]);
    await expectToHear(ben, [ada.tone]);

    // Who was muted comes back muted.
    await ben.page.keyboard.press("m");
    await expect(ada.tile(ben)).toHaveAttribute("data-muted", "true");
    await server.kill();
    await expect(ada.get("room")).toHaveAttribute("data-state", "reconnecting");
    await server.start();
    await ada.expectConnected(30_000);
    await ben.expectConnected(30_000);
    await expectToHear(ben, [ada.tone]);
    await expect(ada.tile(ben)).toHaveAttribute("data-muted", "true");
    await expectToHear(ada, []);
  });

  test("back after the grace time: joined anew, and heard", async ({ person, room, server }) => {
    const proxy = await Proxy.start(server.port);
    try {
      const [ada, ben] = [await person("Ada", { origin: proxy.url }), await person("Ben")];
      ada.watch.allow(LOST);
      await ada.enter(room);
      await ben.enter(room);
      await expectToHear(ben, [ada.tone]);
      proxy.cut();
      await expect(ben.tile(ada)).toHaveCount(0);
      await expectToHear(ben, []);
      proxy.mend();
      await ada.expectConnected(30_000);
      await expectToHear(ben, [ada.tone]);
      await expectToHear(ada, [ben.tone]);
    } finally {
      await proxy.stop();
    }
  });

  test("neither signalling nor media for a while: back by itself; a page that crashes is reconnecting, and then gone", async ({ person, room, server }) => {
    const [ada, ben] = [await person("Ada"), await person("Ben")];
    for (const someone of [ada, ben]) someone.watch.allow(LOST);
    await ada.enter(room);
    await ben.enter(room);
    await expectToHear(ada, [ben.tone]);
    server.freeze();
    await expect(ada.get("room")).toHaveAttribute("data-state", "reconnecting", { timeout: 20_000 });
    await expectToHear(ada, []);
    server.thaw();
    await ada.expectConnected(30_000);
    await ben.expectConnected(30_000);
    await expectToHear(ada, [ben.tone]);
    await expectToHear(ben, [ada.tone]);

    const crashed = ben.page.waitForEvent("crash");
    await Promise.all([crashed, ben.page.goto("chrome://crash").catch(() => undefined)]);
    await expect(ada.tile(ben)).toHaveAttribute("data-state", "reconnecting");
    await expect(ada.tile(ben)).toHaveCount(0);
  });
});

test("a lost line is resumed: the sound goes on, nobody leaves", async ({ person, room, server }) => {
  const proxy = await Proxy.start(server.port);
  try {
    const [ada, ben] = [await person("Ada", { origin: proxy.url }), await person("Ben")];
    ada.watch.allow(LOST);
    await ada.enter(room);
    await ben.enter(room);
    await expectToHear(ada, [ben.tone]);
    const id = await ben.tile(ada).getAttribute("data-participant-id");

    proxy.cut();
    await expect(ben.tile(ada)).toHaveAttribute("data-state", "reconnecting");
    await expect(ada.get("room")).toHaveAttribute("data-state", "reconnecting");
    expect(await ada.heard(), "media do not pass where the line was cut").toEqual([ben.tone]);
    await ben.say("did you get this?");
    proxy.mend();
    await ada.expectConnected();
    await expect(ben.tile(ada)).toHaveAttribute("data-state", "active");
    await expect(ben.tile(ada)).toHaveAttribute("data-participant-id", id!);
    await ada.openChat();
    await expect(ada.get("chat-message")).toContainText("did you get this?");
    await expectToHear(ada, [ben.tone]);
    await expectToHear(ben, [ada.tone]);
  } finally {
    await proxy.stop();
  }
});

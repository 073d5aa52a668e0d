import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";

// Opening a page takes more of the machine than what is then done on it: each test walks through all that its people can show.

test("two people hear each other, and not themselves, whatever they do", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.enter(room);
  await ben.enter(room);
  await expectToHear(ada, [ben.tone]);
  await expectToHear(ben, [ada.tone]);
  await expect(ada.get("tile")).toHaveCount(2);
  await expect(ada.get("room-count")).toContainText("2");

  await test.step("muting silences and sends nothing at all, unmuting brings the voice back", async () => {
    await ben.page.keyboard.press("m");
    await expect(ben.get("mute")).toHaveAttribute("aria-pressed", "true");
    await expect(ada.tile(ben)).toHaveAttribute("data-muted", "true");
    await expectToHear(ada, []);
    const before = await ben.stats();
    await expectToHear(ben, [ada.tone]); // more than a second passes
    expect((await ben.stats()).packetsSent, "RTP packets sent while muted").toBe(before.packetsSent);

    await ben.get("mute").click();
    await expect(ada.tile(ben)).toHaveAttribute("data-muted", "false");
    await expectToHear(ada, [ben.tone]);
  });

  await test.step("deafened one hears nobody, and is heard as before", async () => {
    await ada.page.keyboard.press("d");
    await expect(ada.get("deafen")).toHaveAttribute("aria-pressed", "true");
    await expectToHear(ada, []);
    await ada.get("deafen").click();
    await expectToHear(ada, [ben.tone]);
  });

  await test.step("changing the microphone while talking", async () => {
    await ben.get("devices").click();
    await ben.get("room-microphone").selectOption({ label: "Fake Audio Input 2" });
    await expectToHear(ada, [ben.appearance.tones[1]!]);
    await expectToHear(ben, [ada.tone]);
  });

  await test.step("who speaks can be seen", async () => {
    await expect(ada.tile(ben)).toHaveAttribute("data-speaking", "true");
    await expect(ben.tile(ben)).toHaveAttribute("data-speaking", "true");
    await expect(ada.get("who-speaks")).toContainText("Ben");
    await ben.talk(false);
    await expect(ada.tile(ben)).toHaveAttribute("data-speaking", "false");
    await expect(ben.tile(ben)).toHaveAttribute("data-speaking", "false");
    await expect(ada.get("who-speaks")).not.toContainText("Ben");
  });
});

test("three people hear exactly the two others, until one leaves, and another closes the tab", async ({ person, room }) => {
  const [ada, ben, cleo] = [await person("Ada"), await person("Ben"), await person("Cleo")];
  await ada.enter(room);
  await ben.enter(room);
  await cleo.enter(room);
  await expectToHear(ada, [ben.tone, cleo.tone]);
  await expectToHear(ben, [ada.tone, cleo.tone]);
  await expectToHear(cleo, [ada.tone, ben.tone]);

  await test.step("the volume of one person is theirs alone", async () => {
    await ada.openMenu(ben);
    await ada.get("person-volume").fill("0");
    await expectToHear(ada, [cleo.tone]);
    await ada.get("person-volume").fill("100");
    await expectToHear(ada, [ben.tone, cleo.tone]);
  });

  await test.step("one leaves", async () => {
    await ben.get("leave").click();
    await expect(ben.get("ended")).toHaveAttribute("data-reason", "left");
    await expect(ada.tile(ben)).toHaveCount(0);
    await expectToHear(ada, [cleo.tone]);
    await expectToHear(cleo, [ada.tone]);
    await expectToHear(ben, []);
  });

  await test.step("closing the tab is leaving, for the others at once", async () => {
    await expect(ada.get("tile")).toHaveCount(2);
    await cleo.page.close({ runBeforeUnload: false });
    await expect(ada.tile(cleo)).toHaveCount(0);
    await expectToHear(ada, []);
  });
});

test("a listener hears and is not heard; rooms are apart", async ({ person, room }) => {
  const [ada, ben, cleo] = [await person("Ada"), await person("Ben"), await person("Cleo")];
  await ada.enter(room);
  await cleo.enter(`${room}-next-door`);
  await expect(ada.get("tile")).toHaveCount(1);
  await expectToHear(ada, []);
  await expectToHear(cleo, []);

  await ben.enter(room, "listen");
  await expectToHear(ben, [ada.tone]);
  await expectToHear(ada, []);
});

test("push to talk: heard while Space is held; a raised hand is seen", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.enter(room);
  await ben.enter(room, "muted");
  await expect(ada.tile(ben)).toHaveAttribute("data-muted", "true");
  await expectToHear(ada, []);

  await ben.page.keyboard.down("Space");
  await expectToHear(ada, [ben.tone]);
  await ben.page.keyboard.up("Space");
  await expectToHear(ada, []);

  await ben.page.keyboard.press("h");
  await expect(ada.tile(ben)).toHaveAttribute("data-hand", "true");
  await ben.get("hand").click();
  await expect(ada.tile(ben)).toHaveAttribute("data-hand", "false");
});

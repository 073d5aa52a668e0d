import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";

test("only the host moderates: mutes, makes a listener and a speaker, removes someone who may come again", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.enter(room);
  await ben.enter(room);
  await expectToHear(ada, [ben.tone]);

  await test.step("only the host is offered to moderate", async () => {
    await expect(ada.tile(ada)).toHaveAttribute("data-role", "host");
    await ben.openMenu(ada);
    await expect(ben.get("person-whisper")).toBeVisible();
    await expect(ben.get("person-remove")).toHaveCount(0);
    await ben.page.keyboard.press("Escape");
    await expect(ben.get("person-menu")).toBeHidden();
  });

  await test.step("the host mutes someone, who may unmute themselves", async () => {
    await ada.openMenu(ben);
    await ada.get("person-mute").click();
    await expect(ben.get("mute")).toHaveAttribute("aria-pressed", "true");
    await expectToHear(ada, []);
    await ben.get("mute").click();
    await expectToHear(ada, [ben.tone]);
  });

  const withMenu = async () => {
    if (!(await ada.get("person-menu").isVisible())) await ada.openMenu(ben);
  };

  await test.step("the host makes a listener, and a speaker again", async () => {
    await withMenu();
    await ada.get("person-role-listener").click();
    await expect(ada.tile(ben)).toHaveAttribute("data-role", "listener");
    await expectToHear(ada, []);
    await withMenu();
    await ada.get("person-role-speaker").click();
    await expect(ada.tile(ben)).toHaveAttribute("data-role", "speaker");
    // A listener was muted in effect; whoever becomes a speaker decides for themselves.
    if ((await ben.get("mute").getAttribute("aria-pressed")) === "true") await ben.get("mute").click();
    await expectToHear(ada, [ben.tone]);
  });

  await test.step("the host removes someone, who may come again", async () => {
    await withMenu();
    await ada.get("person-remove").click();
    await ada.get("confirm").click();
    await expect(ben.get("ended")).toHaveAttribute("data-reason", "removed");
    await expect(ada.tile(ben)).toHaveCount(0);
    await expectToHear(ada, []);
    await ben.enter(room);
    await expectToHear(ada, [ben.tone]);
  });
});

import { expectToHear } from "../src/hearing.ts";
import { expectToSee } from "../src/seeing.ts";
import { expectToMeet } from "../src/meeting.ts";
import { expect, test } from "../src/fixtures.ts";

// Whoever's page is closed in a call is listed for the grace time: each test has people of its own.

test("call: ring, accept, talk, add the cameras, hang up", async ({ person }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ben.beOnline();
  await ada.beOnline();
  await ada.call(ben);
  await expect(ben.get("incoming-call")).toContainText("Ada");
  await ben.page.keyboard.press("Escape");
  await expect(ben.get("incoming-call"), "Escape neither declines nor hides").toBeVisible();
  await ben.get("call-accept").click();
  await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
  await expectToHear(ada, [ben.tone]);
  await expectToHear(ben, [ada.tone]);
  await expect(ada.get("call-duration")).toHaveText(/^\d\d:\d\d$/);

  await ben.page.keyboard.press("m");
  await expect(ada.get("call-status")).toContainText("muted");
  await expectToHear(ada, []);
  await ben.get("mute").click();
  await expectToHear(ada, [ben.tone]);

  await test.step("an audio call becomes a video call", async () => {
    await ada.use("camera");
    await expectToSee(ben, [ada.picture]);
    await expectToSee(ada, []);
    await ben.use("camera");
    await expectToMeet(ada, ben);
  });

  await ada.use("hang-up");
  for (const someone of [ada, ben]) {
    await expect(someone.get("call-outcome")).toHaveAttribute("data-kind", "ended");
    await expect(someone.get("lobby")).toBeVisible();
  }
  await expectToHear(ben, []);
});

test("call: declined, cancelled, called back; a video call declined, and taken with sound alone", async ({ person }) => {
  const [ada, ben] = [await person("Dora"), await person("Emil")];
  await ben.beOnline();
  await ada.beOnline();
  await ada.call(ben);
  await ben.get("call-decline").click();
  await expect(ada.get("call-outcome")).toHaveAttribute("data-kind", "declined");
  await expect(ben.get("incoming-call")).toHaveCount(0);

  await ada.get("call-again").click();
  await expect(ben.get("incoming-call")).toBeVisible();
  await ada.get("call-cancel").click();
  await expect(ada.get("outgoing-call")).toHaveCount(0);
  await expect(ben.get("call-outcome")).toHaveAttribute("data-kind", "missed");

  await ben.get("call-again").click();
  await ada.get("call-accept").click();
  await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
  await ada.use("hang-up");
  await expect(ben.get("call-outcome")).toHaveAttribute("data-kind", "ended");

  await test.step("a video call is declined", async () => {
    await ada.call(ben, "video");
    await ben.get("call-decline").click();
    await expect(ada.get("call-outcome")).toHaveAttribute("data-kind", "declined");
    await expect(ben.get("incoming-call")).toHaveCount(0);
    await ada.expectToSeeThemselves();
  });

  await test.step("it is taken with sound alone, and the camera turned on later", async () => {
    await ada.get("call-again").click();
    await ben.accept("audio");
    await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
    await expectToSee(ben, [ada.picture]);
    await expectToSee(ada, []);
    await expectToHear(ada, [ben.tone]);
    await ben.use("camera");
    await expectToMeet(ada, ben);
  });
});

test("call: from a room, and back to it; a third one hears busy", async ({ person, room }) => {
  const [ada, ben, cleo] = [await person("Fay"), await person("Gus"), await person("Cleo")];
  await ada.enter(room);
  await ben.enter(room);
  await cleo.beOnline();
  await ada.openMenu(ben);
  await ada.get("person-call").click();
  await expect(ben.get("incoming-call")).toContainText(room);
  await ben.get("call-accept").click();
  await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
  await expectToHear(ada, [ben.tone]);

  await cleo.online(ben).getByTestId("online-call").click();
  await expect(cleo.get("call-outcome")).toHaveAttribute("data-kind", "busy");

  await ada.get("hang-up").click();
  for (const someone of [ada, ben]) {
    await someone.get("call-back-to-room").click();
    await someone.expectConnected();
  }
  await expectToHear(ada, [ben.tone]);
  await expect(ada.get("tile")).toHaveCount(2);
});

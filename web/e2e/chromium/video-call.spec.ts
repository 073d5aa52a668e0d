import { expectToHear } from "../src/hearing.ts";
import { expectToMeet } from "../src/meeting.ts";
import { expectToSee } from "../src/seeing.ts";
import { accessToken, API_KEY } from "../src/access-token.ts";
import { expect, test } from "../src/fixtures.ts";

// Whoever's page is closed in a call is listed for the grace time: each test has people of its own.

test("video call: ring, accept, see and hear each other, share the screen, reload, hang up", async ({ person }) => {
  const [ada, ben] = [await person("Ada V"), await person("Ben V")];
  await ben.beOnline();
  await ada.beOnline();
  await ada.call(ben, "video");
  await ada.expectToSeeThemselves(ada.picture);
  await expect(ben.get("incoming-call")).toHaveAttribute("data-call-media", "video");
  await expect(ben.get("incoming-call")).toContainText("Ada V");
  await ben.accept("video");
  await expectToMeet(ada, ben);
  await ada.expectToSeeThemselves(ada.picture);

  await test.step("the camera goes off and on", async () => {
    await expect(ben.get("camera")).toHaveAccessibleName(/camera/i);
    await ben.use("camera");
    await expect(ben.get("camera")).toHaveAttribute("aria-pressed", "false");
    await expectToSee(ada, []);
    await ben.expectToSeeThemselves();
    await expectToHear(ada, [ben.tone]);
    await expectToSee(ben, [ada.picture]);
    await ben.page.keyboard.press("v");
    await expectToSee(ada, [ben.picture]);
  });

  await test.step("the screen is shared beside the camera, until the browser's own button ends it", async () => {
    await ben.use("screen");
    await expect(ben.get("screen")).toHaveAttribute("aria-pressed", "true");
    await expectToSee(ada, [ben.picture, ben.appearance.screen]);
    await expect(ada.get("call")).toHaveAttribute("data-large", "their-screen");
    await ben.page.evaluate(() => window.videoInstrument.endScreen());
    await expect(ben.get("screen")).toHaveAttribute("aria-pressed", "false");
    await expectToSee(ada, [ben.picture]);
    await expect(ada.get("call")).toHaveAttribute("data-large", "their-camera");
  });

  await test.step("a reload goes back into it, with picture", async () => {
    for (const someone of [ada, ben]) {
      await someone.page.reload();
      await expectToMeet(ada, ben);
    }
    // Whose camera was off comes back without it.
    await ben.use("camera");
    await expectToSee(ada, []);
    await ben.page.reload();
    await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
    await expectToSee(ben, [ada.picture]);
    await expectToHear(ada, [ben.tone]);
    await expectToSee(ada, []);
    await ben.use("camera");
    await expectToMeet(ada, ben);
  });

  await ada.use("hang-up");
  for (const someone of [ada, ben]) {
    await expect(someone.get("call-outcome")).toHaveAttribute("data-kind", "ended");
    await expectToSee(someone, []);
    await someone.expectToSeeThemselves();
  }
});

test.describe("with tokens", () => {
  test.use({ serverOptions: { flags: [`--api-key=${API_KEY.id}:${API_KEY.secret}`] } });

  test("video call: rings at both devices, and the one that accepts is seen", async ({ person }) => {
    const ada = await person("Ada", { token: accessToken("ada", "Ada") });
    const [phone, desk] = [await person("Ben", { token: accessToken("ben", "Ben") }), await person("Ben", { token: accessToken("ben", "Ben") })];
    for (const someone of [phone, desk, ada]) await someone.beOnline();
    await ada.call(phone, "video");
    await expect(phone.get("incoming-call")).toBeVisible();
    await desk.accept("video");
    await expectToMeet(ada, desk);
    await expect(phone.get("incoming-call")).toHaveCount(0);
    await expect(phone.get("call-outcome")).toHaveAttribute("data-kind", "elsewhere");
    await expectToSee(phone, []);
    await expectToHear(phone, []);
  });
});

test("three people in a room see exactly the two others, until one leaves", async ({ person, room }) => {
  const [ada, ben, cleo] = [await person("Ada"), await person("Ben"), await person("Cleo")];
  for (const someone of [ada, ben, cleo]) {
    await someone.enter(room);
    await someone.get("camera").click();
  }
  await Promise.all([
    expectToSee(ada, [ben.picture, cleo.picture]),
    expectToSee(ben, [ada.picture, cleo.picture]),
    expectToSee(cleo, [ada.picture, ben.picture]),
  ]);
  await expectToHear(ada, [ben.tone, cleo.tone]);
  await ada.expectToSeeThemselves(ada.picture);

  await ben.get("leave").click();
  await expectToSee(ada, [cleo.picture]);
  await expectToSee(cleo, [ada.picture]);

  await test.step("the camera is changed while others look", async () => {
    await cleo.get("devices").click();
    await cleo.get("room-camera").selectOption({ label: "fake_device_1" });
    await expectToSee(ada, [cleo.appearance.cameras[1]!]);
  });
});

test("help when the camera is refused; the call goes on with sound", async ({ person }) => {
  const [ada, ben] = [await person("Lea V"), await person("Mo V", { camera: false })];
  await ben.beOnline();
  await ada.beOnline();
  await ada.call(ben, "video");
  await ben.accept("video");
  await Promise.all([ada.expectInCall(ben), ben.expectInCall(ada)]);
  await expectToSee(ben, [ada.picture]);
  await expectToHear(ada, [ben.tone]);
  await expect(ben.get("camera")).toHaveAttribute("aria-pressed", "false");
});

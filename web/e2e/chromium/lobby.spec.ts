import { expect, test } from "../src/fixtures.ts";

test("the microphone is shown to be heard, a room's link fills in the room, the name is remembered", async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.open(room);
  // The browser has allowed the microphone before, so the page listens at once.
  await expect(ada.get("lobby-verdict")).toHaveAttribute("data-heard", "true");
  await expect.poll(async () => Number(await ada.get("lobby-meter").getAttribute("aria-valuenow"))).toBeGreaterThan(5);
  await expect(ada.get("lobby-microphone").locator("option")).toContainText(["Fake Audio Input 1", "Fake Audio Input 2"]);

  await expect(ada.get("lobby-room")).toHaveValue(room);
  await ada.join("listen");
  await ada.open(room);
  await expect(ada.get("lobby-name")).toHaveValue("Ada");
});

test("help when the microphone is refused, and the way in without it", async ({ person, room }) => {
  const ada = await person("Ada", { microphone: false });
  await ada.open(room);
  await ada.get("lobby-check").click(); // it has never been asked before
  await expect(ada.get("microphone-help")).toHaveAttribute("data-problem", "denied");
  await ada.get("lobby-name").fill("Ada");
  await ada.get("join-without-microphone").click();
  await ada.expectConnected();
});

test("help when there is no microphone", async ({ person, room }) => {
  const ada = await person("Ada");
  await ada.page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = async () => {
      throw new DOMException("Requested device not found", "NotFoundError");
    };
    navigator.mediaDevices.enumerateDevices = async () => [];
  });
  await ada.open(room);
  await expect(ada.get("microphone-help")).toHaveAttribute("data-problem", "none");
});

test("help on an insecure origin", async ({ person, room, server }) => {
  const ada = await person("Ada", { origin: `http://insecure.test:${server.port}` });
  await ada.open(room);
  expect(await ada.page.evaluate(() => window.isSecureContext)).toBe(false);
  await expect(ada.get("microphone-help")).toHaveAttribute("data-problem", "insecure");
});

test("Chinese: by the browser's language, and by the switch", async ({ person, room }) => {
  const ada = await person("小明", { locale: "zh-CN" });
  await ada.open(room);
  await expect(ada.page.locator("html")).toHaveAttribute("lang", /^zh/);
  await expect(ada.get("join")).toHaveText(/\p{Script=Han}/u);
  await ada.join();
  await expect(ada.tile(ada)).toBeVisible();

  const ben = await person("Ben");
  await ben.open(room);
  await expect(ben.get("join")).toHaveText(/[A-Za-z]/);
  const language = ben.get("language");
  if ((await language.evaluate((element) => element.tagName)) === "SELECT") await language.selectOption("zh-CN");
  else await language.click();
  await expect(ben.get("join")).toHaveText(/\p{Script=Han}/u);
  await expect(ben.page.locator("html")).toHaveAttribute("lang", /^zh/);
});

test("from the lobby to leaving by keyboard alone", async ({ person, room }) => {
  const ada = await person("Ada");
  const { keyboard } = ada.page;
  const focusReaches = async (testId: string) => {
    const focused = () => ada.page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
    for (let presses = 0; presses < 60; presses++) {
      if ((await focused()) === testId) return;
      await keyboard.press("Tab");
    }
    throw new Error(`Tab does not come to ${testId}`);
  };

  await ada.open(room);
  await focusReaches("lobby-name");
  await keyboard.type("Ada");
  await keyboard.press("Enter");
  await ada.expectConnected();

  await keyboard.press("m");
  await expect(ada.get("mute")).toHaveAttribute("aria-pressed", "true");
  await keyboard.press("?");
  await expect(ada.get("shortcuts-dialog")).toBeVisible();
  await keyboard.press("Escape");
  await expect(ada.get("shortcuts-dialog")).toBeHidden();

  if ((await ada.get("chat-toggle").getAttribute("aria-expanded")) !== "true") await keyboard.press("c");
  await focusReaches("chat-input");
  await keyboard.type("m is a letter here");
  await keyboard.press("Enter");
  await expect(ada.get("chat-message")).toContainText("m is a letter here");
  await expect(ada.get("mute")).toHaveAttribute("aria-pressed", "true");

  await focusReaches("leave");
  await keyboard.press("Enter");
  await expect(ada.get("ended")).toHaveAttribute("data-reason", "left");
});

test("a phone held upright: nothing overflows", async ({ person, room }) => {
  const ada = await person("Ada", { viewport: { width: 360, height: 640 } });
  const overflow = () => ada.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await ada.open(room);
  expect(await overflow()).toBeLessThanOrEqual(0);
  await ada.join();
  expect(await overflow()).toBeLessThanOrEqual(0);
  for (const control of ["mute", "leave", "chat-toggle"]) await expect(ada.get(control)).toBeInViewport();
});

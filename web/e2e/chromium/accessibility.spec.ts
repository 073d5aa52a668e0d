import axe from "axe-core";
import type { Page } from "@playwright/test";
import { expect, test } from "../src/fixtures.ts";

const WIDE = { width: 1280, height: 800 };

/** What axe finds against WCAG 2.2 AA and its own best practices, as lines that can be read. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}`));
  });
}

/** In light and in dark. Colours are measured when nothing moves any more. */
async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator("html")).toHaveCSS("color-scheme", colorScheme);
    await page.evaluate(() =>
      Promise.all(
        document
          .getAnimations()
          .filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity)
          .map((animation) => animation.finished.catch(() => undefined)),
      ),
    );
    expect(await violations(page), colorScheme).toEqual([]);
  }
}

test("lobby, room, chat, menu and dialogs can be used by everyone, in light and dark", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada", { viewport: WIDE }), await person("Ben")];
  await ada.open(room);
  await expectAccessible(ada.page);

  await ben.enter(room);
  await ada.join("muted");
  await ben.say("hello https://example.org");
  await ben.say("/w Ada psst");
  await ada.openChat();
  await expect(ada.get("whisper-message")).toBeVisible();
  await expectAccessible(ada.page);

  await ada.openMenu(ben);
  await expectAccessible(ada.page);
  await ada.page.keyboard.press("Escape");

  for (const dialog of ["settings", "shortcuts"]) {
    await ada.page.keyboard.press(dialog === "settings" ? "," : "?");
    await expect(ada.get(`${dialog}-dialog`)).toBeVisible();
    await expectAccessible(ada.page);
    await ada.page.keyboard.press("Escape");
    await expect(ada.get(`${dialog}-dialog`)).toBeHidden();
  }

  await ada.get("leave").click();
  await expect(ada.get("ended")).toBeVisible();
  await expectAccessible(ada.page);
});

test("the call's list, dialogs and view can be used by everyone, in light and dark", async ({ person }) => {
  const [ada, ben] = [await person("Ada", { viewport: WIDE }), await person("Ben", { viewport: WIDE })];
  await ben.beOnline();
  await ada.beOnline();
  await expect(ada.online(ben)).toBeVisible();
  await expectAccessible(ada.page);
  await ada.call(ben);
  await expect(ben.get("incoming-call")).toBeVisible();
  await expectAccessible(ada.page);
  await expectAccessible(ben.page);
  for (let i = 0; i < 2; i++) await ben.page.keyboard.press("Tab"); // decline, accept
  await ben.page.keyboard.press("Enter");
  await ada.expectInCall(ben);
  await expectAccessible(ada.page);
  await ada.get("hang-up").click();
  await expect(ada.get("call-outcome")).toBeVisible();
  await expectAccessible(ada.page);
});

import { describe, it } from "vitest";
import { setStage } from "./stage.ts";

const { meet } = setStage();

describe("Firefox", () => {
  it("two people hear each other, and not themselves", async () => {
    const [ada, ben] = await meet("firefox", "firefox");
    await ada!.hears(ben!);
    await ben!.hears(ada!);
  });

  it("three people with both browsers hear exactly the two others", async () => {
    const [ada, ben, cleo] = await meet("firefox", "chromium", "firefox");
    await ada!.hears(ben!, cleo!);
    await ben!.hears(ada!, cleo!);
    await cleo!.hears(ada!, ben!);
  });

  it("muting silences, unmuting brings the voice back", async () => {
    const [ada, ben] = await meet("chromium", "firefox");
    await ada!.hears(ben!);
    await ben!.press("m");
    await ada!.seesTile(ben!, "data-muted", "true");
    await ada!.hears();
    await ben!.hears(ada!);
    await ben!.click("mute");
    await ada!.hears(ben!);
  });

  it("who speaks can be seen", async () => {
    const [ada, ben] = await meet("chromium", "firefox");
    await ben!.seesTile(ada!, "data-speaking", "true");
    await ada!.page.evaluate(() => window.instrument.setTalking(false));
    await ben!.seesTile(ada!, "data-speaking", "false");
  });

  it("messages reach the other browser", async () => {
    const [ada, ben] = await meet("firefox", "chromium");
    await ada!.say("hello from the other side");
    await ben!.openChat();
    await ben!.reads("chat-message", "hello from the other side");
    await ben!.say("/w Ada psst");
    await ada!.reads("whisper-message", "psst");
  });
});

import { describe, it } from "vitest";
import { setStage } from "./stage.ts";

const { meet } = setStage();

describe("Firefox", () => {
  it("sees and hears Chromium, and is seen and heard", async () => {
    const [ada, ben] = await meet("firefox", "chromium");
    await ada!.click("camera");
    await ben!.sees(ada!);
    await ben!.click("camera");
    await ada!.sees(ben!);
    await ben!.sees(ada!);
    await ada!.hears(ben!);
    await ben!.hears(ada!);
    await ada!.click("camera");
    await ben!.sees();
    await ben!.hears(ada!);
    await ada!.click("camera");
    await ben!.sees(ada!);
  });
});

import { defineConfig } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./src/browsers.ts";

export default defineConfig({
  testDir: "chromium",
  forbidOnly: Boolean(process.env.CI),
  // A test that passes at the second attempt has found something.
  retries: 0,
  // Pages wait more than they work; more of them at once fill two cores.
  workers: 2,
  // Tests are handed out one by one: with whole files, the last one would keep one worker busy and the other idle.
  fullyParallel: true,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    channel: "chromium",
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    permissions: ["microphone", "camera"],
    // Drawing takes more of two cores than all else here; what moves for the eye alone may stand still.
    contextOptions: { reducedMotion: "reduce" },
    trace: "off",
    screenshot: "off",
    launchOptions: {
      executablePath: CHROMIUM,
      args: CHROMIUM_ARGS,
    },
  },
});

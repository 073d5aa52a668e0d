import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "chromium",
  forbidOnly: Boolean(process.env.CI),
  // A test that passes at the second attempt has found something.
  retries: 0,
  // Several pages that play and hear sound at once fill two cores.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  outputDir: "test-results",
  use: {
    channel: "chromium",
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    permissions: ["microphone"],
    trace: "off",
    screenshot: "off",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",
        // A name that is not a secure origin, although it leads to this machine.
        "--host-resolver-rules=MAP insecure.test 127.0.0.1",
      ],
    },
  },
});

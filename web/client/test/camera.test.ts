import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acquireCamera, listCameras } from "../src/camera.js";
import { canShareScreen } from "../src/screen.js";
import { fakeBrowser, type FakeBrowser } from "./fakes/browser.js";

let browser: FakeBrowser;

beforeEach(() => {
  browser = fakeBrowser();
});

afterEach(() => void vi.unstubAllGlobals());

describe("acquireCamera", () => {
  it("asks for what the layers are made for, of the wanted device or side", async () => {
    const common = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
    await acquireCamera();
    await acquireCamera({ deviceId: "v1", facing: "user" });
    await acquireCamera({ facing: "environment" });
    expect(browser.devices.asked).toEqual([
      common,
      { ...common, deviceId: { exact: "v1" } },
      { ...common, facingMode: { ideal: "environment" } },
    ]);
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotFoundError", "missing"],
    ["OverconstrainedError", "missing"],
    ["NotReadableError", "busy"],
    ["AbortError", "busy"],
  ])("explains %s as %s", async (name, reason) => {
    browser.devices.next = name;
    await expect(acquireCamera()).rejects.toMatchObject({ name: "CameraError", reason });
  });

  it("explains an insecure page, with devices or without", async () => {
    vi.stubGlobal("isSecureContext", false);
    browser.devices.next = "NotAllowedError";
    await expect(acquireCamera()).rejects.toMatchObject({ reason: "insecure" });
    vi.stubGlobal("navigator", {});
    await expect(acquireCamera()).rejects.toMatchObject({ reason: "insecure" });
  });
});

describe("cameras and screens", () => {
  it("are listed, where there are any", async () => {
    expect([await listCameras(), canShareScreen()]).toEqual([[{ id: "v1", label: "Camera" }], true]);
    vi.stubGlobal("navigator", {});
    expect([await listCameras(), canShareScreen()]).toEqual([[], false]);
  });
});

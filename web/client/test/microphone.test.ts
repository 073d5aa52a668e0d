import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acquireMicrophone, listMicrophones, listSpeakers, microphonePermission, onDevicesChanged } from "../src/microphone.js";
import { signalUrl } from "../src/url.js";
import { fakeBrowser, type FakeBrowser } from "./fakes/browser.js";

let browser: FakeBrowser;

beforeEach(() => {
  browser = fakeBrowser();
});

afterEach(() => void vi.unstubAllGlobals());

describe("acquireMicrophone", () => {
  it("asks for what voice wants", async () => {
    await acquireMicrophone();
    await acquireMicrophone({ deviceId: "m1", noiseSuppression: false });
    expect(browser.devices.asked).toEqual([
      { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: { ideal: 1 } },
      { echoCancellation: true, noiseSuppression: false, autoGainControl: true, channelCount: { ideal: 1 }, deviceId: { exact: "m1" } },
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
    await expect(acquireMicrophone()).rejects.toMatchObject({ name: "MicrophoneError", reason });
  });

  it("explains an insecure page, with devices or without", async () => {
    vi.stubGlobal("isSecureContext", false);
    browser.devices.next = "NotAllowedError";
    await expect(acquireMicrophone()).rejects.toMatchObject({ reason: "insecure" });
    vi.stubGlobal("navigator", {});
    await expect(acquireMicrophone()).rejects.toMatchObject({ reason: "insecure" });
  });
});

describe("devices", () => {
  it("are listed by kind", async () => {
    expect(await listMicrophones()).toEqual([{ id: "m1", label: "One" }]);
    expect(await listSpeakers()).toEqual([{ id: "s1", label: "Speaker" }]);
    vi.stubGlobal("navigator", {});
    expect(await listMicrophones()).toEqual([]);
  });

  it("are told of when they change, until stopped", () => {
    let changes = 0;
    const stop = onDevicesChanged(() => changes++);
    browser.devices.dispatchEvent(new Event("devicechange"));
    stop();
    browser.devices.dispatchEvent(new Event("devicechange"));
    expect(changes).toBe(1);
  });

  it("may not tell whether they are allowed", async () => {
    expect(await microphonePermission()).toBe("unknown");
    vi.stubGlobal("navigator", { permissions: { query: async () => ({ state: "denied" }) } });
    expect(await microphonePermission()).toBe("denied");
  });
});

describe("signalUrl", () => {
  it.each([
    [undefined, "wss://voice.example/v1/signal"],
    ["https://other.example", "wss://other.example/v1/signal"],
    ["http://localhost:8080/", "ws://localhost:8080/v1/signal"],
    ["ws://h:1/behind/a/proxy", "ws://h:1/behind/a/proxy"],
  ])("turns %s into %s", (url, expected) => {
    expect(signalUrl(url)).toBe(expected);
  });
});

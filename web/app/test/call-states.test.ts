import { HubbubError, type Call, type CallState } from "@hubbub/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Language } from "../src/i18n/language";
import type { App } from "../src/state/app.svelte";
import { Calls } from "../src/state/calls.svelte";

const ann = { id: "u-ann", name: "Ann" };
const bob = { id: "u-bob", name: "Bob" };
const incoming: Call = { id: "c1", from: bob, to: ann, media: "audio", room: "call:c1", state: "ringing", expiresAt: 1 };
const outgoing: Call = { ...incoming, id: "c2", from: ann, to: bob };

const client = { user: ann, calls: [] as Call[], call: vi.fn(), answer: vi.fn(), hangup: vi.fn(async () => undefined) };
const page = {
  line: { client },
  microphone: { track: {} },
  camera: { track: null as object | null, opening: false, open: vi.fn(async () => null), close: vi.fn() },
  devices: { refresh: vi.fn(async () => {}) },
  preferences: {},
  language: new Language("en"),
  session: null as { name: string; pictures?: { cameraOn: () => Promise<void> } } | null,
  enterCall: vi.fn(async () => {}),
  leaveCall: vi.fn(),
  settle: vi.fn(),
};
let calls: Calls;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("navigator", { languages: ["en"] });
  vi.clearAllMocks();
  page.session = null;
  page.camera.track = null;
  page.enterCall.mockImplementation(async () => {});
  client.call.mockResolvedValue(outgoing);
  calls = new Calls(page as unknown as App);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const becomes = (call: Call, state: CallState) => calls.receive({ ...call, state });

/** Placed, and known to the server. */
async function place(): Promise<void> {
  await calls.place(bob);
  calls.receive(outgoing);
}

test.each([
  ["declined", "declined"], ["missed", "unanswered"],
] as const)("one's own call that is %s is over, in words for some seconds", async (state, kind) => {
  await place();
  expect(calls.outgoing?.call).toEqual(outgoing);
  becomes(outgoing, state);
  expect([calls.outgoing, calls.outcome?.kind]).toEqual([null, kind]);
  vi.advanceTimersByTime(9_000);
  expect(calls.outcome).toBeNull();
});

test.each(["busy", "offline", "forbidden"] as const)("a call that is refused says why: %s", async (reason) => {
  client.call.mockRejectedValue(new HubbubError(486, reason, "no"));
  await calls.place(bob);
  expect([calls.outgoing, calls.outcome?.kind, calls.busy]).toEqual([null, reason, false]);
});

test("a call that is cancelled before the server has answered is hung up when it has", async () => {
  let begun: (call: Call) => void = () => {};
  client.call.mockReturnValue(new Promise((resolve) => (begun = resolve)));
  const placed = calls.place(bob);
  await vi.advanceTimersByTimeAsync(0);
  calls.cancel();
  begun(outgoing);
  await placed;
  expect(client.hangup).toHaveBeenCalledWith("c2");
});

test.each([
  ["accepted", "elsewhere"], ["declined", undefined], ["cancelled", "missed"], ["missed", "missed"],
] as const)("another's call that is %s elsewhere stops ringing", (state, kind) => {
  calls.receive(incoming);
  calls.receive(incoming);
  expect(calls.incoming).toEqual([incoming]);
  becomes(incoming, state);
  expect([calls.incoming, calls.outcome?.kind]).toEqual([[], kind]);
  expect(page.enterCall).not.toHaveBeenCalled();
});

test("a call that is accepted takes out of the room, and offers the way back", async () => {
  page.session = { name: "tea" };
  client.answer.mockResolvedValue({ ...incoming, state: "accepted" });
  calls.receive(incoming);
  await calls.accept(incoming);
  expect(page.enterCall).toHaveBeenCalledWith({ ...incoming, state: "accepted" }, false);
  expect([calls.incoming, calls.current?.person]).toEqual([[], bob]);
  vi.advanceTimersByTime(65_000);
  calls.hangUp();
  expect(client.hangup).toHaveBeenCalledWith("c1");
  expect(page.leaveCall).toHaveBeenCalledOnce();
  expect(calls.outcome).toMatchObject({ kind: "ended", person: bob, lasted: 65_000, back: "tea" });
});

test("a call that somebody else was quicker to answer is not entered", async () => {
  client.answer.mockRejectedValue(new HubbubError(409, "conflict", "answered"));
  client.calls = [{ ...incoming, state: "accepted" }];
  calls.receive(incoming);
  await calls.accept(incoming);
  expect([calls.incoming, calls.current, calls.busy, calls.outcome?.kind]).toEqual([[], null, false, "elsewhere"]);
  expect(page.enterCall).not.toHaveBeenCalled();
});

/** Entering makes a session that can show a camera. */
function expectCamera() {
  const cameraOn = vi.fn(async () => {});
  page.enterCall.mockImplementation(async () => void (page.session = { name: "call", pictures: { cameraOn } }));
  return cameraOn;
}

test.each([[true, 1], [false, 0]])("a video call that is accepted with camera %s shows it %d times", async (withCamera, times) => {
  const cameraOn = expectCamera();
  const call = { ...incoming, media: "video" as const };
  client.answer.mockResolvedValue({ ...call, state: "accepted" });
  calls.receive(call);
  await calls.accept(call, withCamera);
  expect(cameraOn).toHaveBeenCalledTimes(times);
  expect(page.camera.open).toHaveBeenCalledTimes(times);
  expect(page.camera.close).toHaveBeenCalledTimes(1 - times);
  expect(calls.current?.media).toBe("video");
});

test("accepting with video does not wait for a camera that is slow to open", async () => {
  const cameraOn = expectCamera();
  page.camera.open.mockReturnValueOnce(new Promise(() => {}));
  client.answer.mockResolvedValue({ ...incoming, media: "video", state: "accepted" });
  calls.receive({ ...incoming, media: "video" });
  await calls.accept(incoming, true);
  expect([calls.current?.id, cameraOn.mock.calls.length]).toEqual(["c1", 1]);
});

test.each([[{}, 1], [null, 0]])("one's own video call begins with the camera as it was in the preview: %o", async (track, times) => {
  const cameraOn = expectCamera();
  const call = { ...outgoing, media: "video" as const };
  client.call.mockResolvedValue(call);
  await calls.place(bob, "video");
  expect(client.call).toHaveBeenCalledWith("u-bob", "video");
  calls.receive(call);
  page.camera.track = track;
  becomes(call, "accepted");
  await vi.advanceTimersByTimeAsync(0);
  expect(cameraOn).toHaveBeenCalledTimes(times);
});

test("a sound call opens no camera", async () => {
  await place();
  expect(page.camera.open).not.toHaveBeenCalled();
});

test("one's own call is entered where it was placed, and nowhere else", async () => {
  becomes(outgoing, "accepted"); // placed on another device
  expect(calls.current).toBeNull();
  await place();
  becomes(outgoing, "accepted");
  await vi.advanceTimersByTimeAsync(0);
  expect([calls.current?.id, calls.outgoing]).toEqual(["c2", null]);
  becomes(outgoing, "ended");
  expect([calls.current, calls.outcome?.kind]).toEqual([null, "ended"]);
});

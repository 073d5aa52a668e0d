import { Emitter, type Participant, type RoomEvents } from "@hubbub/client";
import { beforeEach, expect, test, vi } from "vitest";
import { Language } from "../src/i18n/language";
import type { App } from "../src/state/app.svelte";
import type { VoiceRoom } from "../src/state/connection";
import { Pictures, type Stay } from "../src/state/pictures.svelte";

const person = (id: string, on: Partial<Participant> = {}) => ({ id, name: id, camera: false, screen: false, ...on }) as Participant;
const track = { id: "t", getSettings: () => ({}) } as unknown as MediaStreamTrack;

class Room extends Emitter<RoomEvents> {
  camera: MediaStreamTrack | null = null;
  screen: MediaStream | null = null;
  readonly showVideo = vi.fn(async () => {});
  readonly videoOf = vi.fn((): MediaStreamTrack | null => track);
  readonly setCamera = vi.fn(async (next: MediaStreamTrack | null) => this.emit("camera", (this.camera = next), undefined));
  readonly shareScreen = vi.fn(async () => {});
  readonly stopScreen = vi.fn(async () => {});
}

let room: Room;
let stay: { self: Participant; people: Participant[]; call: unknown; act: Stay["act"] };
const failures: unknown[] = [];
const page = {
  camera: { track: null as MediaStreamTrack | null, trouble: null as string | null, open: vi.fn(), close: vi.fn(), lost: vi.fn() },
  preferences: { camera: "front" },
  devices: { refresh: vi.fn(async () => {}) },
  toasts: { show: vi.fn() },
  dialog: null as string | null,
  language: undefined as unknown as Language,
};

beforeEach(() => {
  vi.stubGlobal("navigator", { languages: ["en"], mediaDevices: {} });
  vi.clearAllMocks();
  vi.stubGlobal("window", { isSecureContext: true });
  failures.length = 0;
  Object.assign(page, { dialog: null, language: new Language("en") });
  Object.assign(page.camera, { track: null, trouble: null });
  page.camera.open.mockResolvedValue(track);
  room = new Room();
  const self = person("me");
  stay = { self, people: [self], call: null, act: (doing) => doing.then(() => {}, (error) => void failures.push(error)) };
});

const pictures = () => new Pictures(page as unknown as App, room as unknown as VoiceRoom, stay);

test("pictures are asked for once, when the first camera or screen is on", async () => {
  const seen = pictures();
  await seen.follow([stay.self, person("a")]);
  expect(room.showVideo).not.toHaveBeenCalled();
  await seen.follow([stay.self, person("a", { screen: true })]);
  await seen.follow([stay.self, person("a", { camera: true })]);
  expect(room.showVideo.mock.calls).toEqual([[8]]);
});

test("asked for again with the next change, when that failed", async () => {
  const seen = pictures();
  room.showVideo.mockRejectedValueOnce(new Error("made to fail"));
  const people = [stay.self, person("a", { camera: true })];
  await seen.follow(people);
  await seen.follow(people);
  expect(room.showVideo).toHaveBeenCalledTimes(2);
});

test("a call has its places from the start", async () => {
  stay.call = {};
  await pictures().follow([person("a", { camera: true })]);
  expect(room.showVideo).not.toHaveBeenCalled();
});

test("who says that the camera is off is not seen any more, whatever still comes", () => {
  const seen = pictures();
  expect(seen.of(person("a", { camera: true }), "camera")).toBe(track);
  expect(seen.of(person("a"), "camera")).toBeNull();
});

test("the screen that was chosen is shown, as long as there is one", () => {
  const [a, b] = [person("a", { screen: true }), person("b", { screen: true })];
  stay.people = [person("me", { screen: true }), a, b];
  const seen = pictures();
  expect(seen.screens).toEqual([a, b]);
  expect(seen.presenter).toBe(a);
  seen.choose(b);
  expect(seen.presenter).toBe(b);
});

test("the camera is turned on with the chosen device, and off with its light", async () => {
  const seen = pictures();
  await seen.toggleCamera();
  expect(page.camera.open).toHaveBeenCalledWith("front");
  expect([seen.camera, seen.turning]).toEqual([track, false]);
  await seen.toggleCamera();
  expect(seen.camera).toBeNull();
  expect(page.camera.close).toHaveBeenCalled();
});

test("a camera that cannot be had leads to help", async () => {
  page.camera.open.mockImplementation(async () => ((page.camera.trouble = "denied"), null));
  await pictures().toggleCamera();
  expect([page.dialog, room.setCamera.mock.calls.length]).toEqual(["camera", 0]);
});

test("a camera that opens after one has left is let go", async () => {
  const seen = pictures();
  page.camera.open.mockImplementation(async () => (seen.close(), track));
  await seen.toggleCamera();
  expect([room.setCamera.mock.calls.length, page.camera.close.mock.calls.length]).toEqual([0, 1]);
});

test("a camera that the room refuses is let go, and said", async () => {
  room.setCamera.mockRejectedValueOnce(new Error("made to fail"));
  await pictures().toggleCamera();
  expect([failures.length, page.camera.close.mock.calls.length]).toEqual([1, 1]);
});

test("who closes the browser's chooser has changed their mind; anything else is said", async () => {
  const seen = pictures();
  room.shareScreen.mockRejectedValueOnce(Object.assign(new Error("closed"), { reason: "denied" }));
  await seen.toggleScreen();
  expect(failures).toEqual([]);
  room.shareScreen.mockRejectedValueOnce(new Error("made to fail"));
  await seen.toggleScreen();
  expect(failures).toHaveLength(1);
});

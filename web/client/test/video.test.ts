import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Slot } from "../src/protocol.js";
import { fakeBrowser, fakeCamera, FakeMediaStream, FakePeerConnection, FakeTrack, type FakeBrowser } from "./fakes/browser.js";
import { enter } from "./fakes/people.js";
import { FakeServer, participant, settle } from "./fakes/server.js";

let server: FakeServer;
let browser: FakeBrowser;

beforeEach(() => {
  vi.useFakeTimers();
  browser = fakeBrowser();
  server = new FakeServer();
  server.room = { ...server.room, participants: [server.self, participant("p-bob", { user: "u-bob", csrc: 22 })] };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const track = (fake: FakeTrack = fakeCamera()) => fake as unknown as MediaStreamTrack;
const stream = (...tracks: FakeTrack[]) => new FakeMediaStream(tracks) as unknown as MediaStream;
const seen = (mid: string, who: string | null, source = "camera"): Slot => ({ mid, kind: "video", participant: who, source: who && source });
/** What the server was told of cameras and screens. */
const updates = () => {
  const told = server.connections.flatMap(({ requests }) => requests).filter(({ method }) => method === "update").map(({ params }) => params);
  return told.filter((params) => !("muted" in params));
};

describe("the m-lines for video", () => {
  it("stand in the first offer when video is foreseen", async () => {
    await enter({ slots: 2, video: 2 });
    const { transceivers, video } = FakePeerConnection.last;
    expect(transceivers.map(({ kind, direction }) => `${kind} ${direction}`)).toEqual([
      "audio sendonly", "audio recvonly", "audio recvonly",
      "video sendonly", "video sendonly", "audio sendonly", "video recvonly", "video recvonly",
    ]);
    expect(server.connection.last("join")?.params["sources"]).toEqual({ 0: "microphone", 3: "camera", 4: "screen", 5: "screen_audio" });
    expect([video.camera.codecs[0]?.mimeType, video.sound.codecs[0]?.mimeType]).toEqual(["video/VP8", "audio/opus"]);
    expect(server.connection.count("negotiate")).toBe(0);
  });

  it("are added once, on the same connection", async () => {
    const { room } = await enter({ slots: 1 });
    await settle();
    await room.showVideo(2);
    await room.setCamera(track());
    await room.setCamera(null);
    await room.acquireCamera();
    await room.shareScreen();
    await room.stopScreen();
    await room.showVideo(1);
    expect([FakePeerConnection.made.length, server.connection.count("negotiate")]).toEqual([1, 1]);
    expect(server.connection.last("negotiate")?.params["sources"]).toEqual({ 0: "microphone", 2: "camera", 3: "screen", 4: "screen_audio" });
    expect(FakePeerConnection.last.video.slots).toHaveLength(2);
  });

  it("come with one's own camera, and slots later", async () => {
    const { room } = await enter({ slots: 1 });
    await settle();
    await room.acquireCamera();
    expect(FakePeerConnection.last.video.slots).toHaveLength(0);
    await room.showVideo(2);
    expect([FakePeerConnection.last.video.slots.length, server.connection.count("negotiate")]).toEqual([2, 2]);
  });

  it("wait for the first answer, and need no other when they were in it", async () => {
    const { room } = await enter({ video: 1 }, { connected: false });
    const camera = track();
    await Promise.all([room.showVideo(1), room.setCamera(camera)]);
    expect([server.connection.count("negotiate"), FakePeerConnection.last.video.camera.sender.track]).toEqual([0, camera]);
  });

  it("are no more than fit into a frame of the signalling", async () => {
    const { room } = await enter({ video: 100 });
    await settle();
    await room.showVideo(100);
    expect([FakePeerConnection.last.video.slots.length, server.connection.count("negotiate")]).toEqual([12, 0]);
  });

  it("wait for the line when it is away", async () => {
    const { room } = await enter();
    await settle();
    server.reachable = false;
    server.connection.close(1006);
    let shown = false;
    void room.showVideo(1).then(() => (shown = true));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(shown).toBe(false);
    server.reachable = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([shown, FakePeerConnection.made.length, server.connection.count("negotiate")]).toEqual([true, 1, 1]);
  });

  it("give whoever came for the texts alone a connection with video", async () => {
    const { room } = await enter({ slots: 0 });
    expect(FakePeerConnection.made).toEqual([]);
    await room.showVideo(2);
    await settle();
    expect([FakePeerConnection.last.video.slots.length, server.connection.count("negotiate")]).toEqual([2, 0]);
  });

  it("are given up when the server refuses them, and the sound goes on", async () => {
    const { room } = await enter();
    await settle();
    server.answers["negotiate"] = () => ({ error: { code: 400, message: "no video", data: { reason: "invalid" } } });
    await expect(room.setCamera(track())).rejects.toMatchObject({ code: 400 });
    FakePeerConnection.last.become("connected");
    await settle();
    expect([room.camera, FakePeerConnection.open.length]).toEqual([null, 1]);
    expect(FakePeerConnection.last.transceivers.every(({ kind }) => kind === "audio")).toBe(true);
    expect(updates()).toEqual([]);
  });

  it("may be rejected in the answer", async () => {
    FakePeerConnection.voiceOnly = true;
    const { room } = await enter();
    await settle();
    await expect(room.acquireCamera()).rejects.toMatchObject({ reason: "unsupported" });
    expect([room.camera, room.mediaState, updates()]).toEqual([null, "connected", []]);
  });
});

describe("the camera", () => {
  it("goes on and off by the track, and is told", async () => {
    const { room } = await enter({ video: 1 });
    await settle();
    const told: unknown[] = [];
    room.on("camera", (now, error) => told.push([now, error]));
    const camera = track();
    await room.setCamera(camera);
    const { sender } = FakePeerConnection.last.video.camera;
    expect([sender.track, updates()]).toEqual([camera, [{ camera: true }]]);
    const off = room.setCamera(null);
    expect(sender.history.at(-1)).toBeNull(); // at once, before the server knows
    await off;
    expect([updates(), told]).toEqual([[{ camera: true }, { camera: false }], [[camera, undefined], [null, undefined]]]);
    expect(sender.encodings.map(({ rid }) => rid)).toEqual(["l", "m", "h"]);
  });

  it("is tuned to its size, and to a server that takes one layer", async () => {
    FakePeerConnection.oneLayer = true;
    const { room } = await enter({ video: 1 });
    await room.setCamera(track(fakeCamera({ deviceId: "v1", width: 640, height: 480 })));
    await settle();
    expect(FakePeerConnection.last.video.camera.sender.encodings).toMatchObject([{ scaleResolutionDownBy: 1, maxBitrate: 500_000 }]);
  });

  it("belongs to whoever got it", async () => {
    const { room } = await enter({ video: 1 });
    const mine = fakeCamera();
    await room.setCamera(track(mine));
    const taken = (browser.devices.next = fakeCamera());
    await room.acquireCamera();
    expect([mine.stopped, room.camera]).toEqual([0, taken]);
    const other = (browser.devices.next = fakeCamera());
    await room.acquireCamera({ deviceId: "v2" });
    expect([taken.stopped, room.camera]).toEqual([1, other]);
    await room.leave();
    expect(other.stopped).toBe(1);
  });

  it("stays as it is when there is no other", async () => {
    const { room } = await enter({ video: 1 });
    const mine = track();
    await room.setCamera(mine);
    browser.devices.next = "NotAllowedError";
    await expect(room.acquireCamera()).rejects.toMatchObject({ name: "CameraError", reason: "denied" });
    expect([room.camera, updates()]).toEqual([mine, [{ camera: true }]]);
  });

  it("is let go first where only one can be open", async () => {
    const { room } = await enter({ video: 1 });
    await room.acquireCamera({ facing: "user" });
    const front = room.camera as unknown as FakeTrack;
    const back = fakeCamera();
    vi.spyOn(browser.devices, "getUserMedia").mockImplementation(async () => {
      if (front.readyState === "live") throw Object.assign(new Error("in use"), { name: "NotReadableError" });
      return new FakeMediaStream([back]);
    });
    await room.acquireCamera({ facing: "environment" });
    expect([room.camera, front.stopped]).toEqual([back, 1]);
  });

  it("is replaced when it is pulled out, or ends with the reason", async () => {
    const { room } = await enter({ video: 1 });
    const first = fakeCamera();
    await room.setCamera(track(first));
    const second = (browser.devices.next = fakeCamera());
    first.end();
    await settle();
    expect(FakePeerConnection.last.video.camera.sender.track).toBe(second);
    const told: unknown[] = [];
    room.on("camera", (now, error) => told.push([now, error?.reason]));
    browser.devices.next = "NotFoundError";
    second.end();
    await settle();
    expect([told, room.camera, updates().at(-1)]).toEqual([[[null, "missing"]], null, { camera: false }]);
    browser.devices.next = fakeCamera();
    browser.devices.dispatchEvent(new Event("devicechange"));
    await settle();
    expect(room.camera).toBeNull(); // nobody is filmed unasked
  });

  it("is not put in the place of a canvas that ended", async () => {
    const { room } = await enter({ video: 1 });
    const canvas = fakeCamera({ deviceId: "canvas", width: 640, height: 360 });
    await room.setCamera(track(canvas));
    canvas.end();
    await settle();
    expect([room.camera, browser.devices.asked]).toEqual([null, []]);
  });

  it("is taken anew when the system silences it for good (iOS)", async () => {
    const { room } = await enter({ video: 1 });
    const first = (browser.devices.next = fakeCamera({ deviceId: "v7" }));
    await room.acquireCamera();
    first.become(true);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(room.camera).not.toBe(first);
    expect(browser.devices.asked.at(-1)).toMatchObject({ deviceId: { exact: "v7" } });
  });

  it("has to be a picture", async () => {
    const { room } = await enter({ video: 1 });
    await settle();
    await expect(room.setCamera(track(new FakeTrack("x", "wrong")))).rejects.toThrow(TypeError);
    expect([room.camera, updates()]).toEqual([null, []]);
  });
});

describe("the screen", () => {
  it("is shared with its sound, as text and music, until it is stopped", async () => {
    const { room } = await enter({ video: 1 });
    await settle();
    const [picture, sound] = (browser.devices.nextScreen = [new FakeTrack("screen", "video"), new FakeTrack("tab")]);
    const told: boolean[] = [];
    room.on("screen", (now) => told.push(now !== null));
    await room.setMuted(false);
    await room.shareScreen();
    const { video } = FakePeerConnection.last;
    expect([video.screen.sender.track, video.sound.sender.track]).toEqual([picture, sound]);
    expect([picture?.contentHint, sound?.contentHint]).toEqual(["detail", "music"]);
    expect(browser.devices.screensAsked[0]?.audio).toMatchObject({ echoCancellation: false, restrictOwnAudio: true });
    await room.stopScreen();
    expect([video.screen.sender.track, video.sound.sender.track, picture?.stopped, sound?.stopped]).toEqual([null, null, 1, 1]);
    expect([told, updates()]).toEqual([[true, false], [{ screen: true }, { screen: false }]]);
  });

  it("makes no sound while we are muted", async () => {
    const { room } = await enter({ video: 1, microphone: track(new FakeTrack()) });
    const [picture, sound] = [new FakeTrack("screen", "video"), new FakeTrack("tab")];
    await room.shareScreen(stream(picture, sound));
    await settle();
    const { video } = FakePeerConnection.last;
    expect(video.sound.sender.track).toBe(sound);
    await room.setMuted(true);
    expect([video.sound.sender.track, video.screen.sender.track]).toEqual([null, picture]);
    await room.leave();
    expect(picture.stopped).toBe(0); // it was the caller's
  });

  it("ends by the browser's own button", async () => {
    const { room } = await enter({ video: 1 });
    const [picture, sound] = (browser.devices.nextScreen = [new FakeTrack("screen", "video"), new FakeTrack("tab")]);
    await room.shareScreen();
    picture?.end();
    await settle();
    expect([room.screen, updates().at(-1), sound?.stopped]).toEqual([null, { screen: false }, 1]);
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotReadableError", "failed"],
  ])("is not shared on %s (%s)", async (name, reason) => {
    const { room } = await enter({ video: 1 });
    browser.devices.nextScreen = name;
    await expect(room.shareScreen()).rejects.toMatchObject({ name: "ScreenError", reason });
    expect([room.screen, updates()]).toEqual([null, []]);
  });

  it("is not shared without a picture, nor after it was called off", async () => {
    const { room } = await enter({ video: 1 });
    await expect(room.shareScreen(stream(new FakeTrack("tab")))).rejects.toMatchObject({ reason: "failed" });
    const [picture] = (browser.devices.nextScreen = [new FakeTrack("screen", "video")]);
    const shared = room.shareScreen();
    await room.stopScreen();
    await shared;
    expect([room.screen, picture?.stopped]).toEqual([null, 1]);
  });
});

describe("others' pictures", () => {
  it("come through the slots, and are told", async () => {
    const { room } = await enter({ slots: 1, video: 1 });
    await settle();
    let told = 0;
    room.on("video", () => told++);
    const { track: received } = FakePeerConnection.last.video.slots[0]!.receiver;
    server.connection.notify("slots", { slots: [seen("5", "p-bob")] });
    received.become(false);
    expect([room.videoOf("p-bob", "camera"), room.videoOf("p-bob", "screen"), told]).toEqual([received, null, 1]);
    const bob = participant("p-bob", { user: "u-bob", csrc: 22 });
    server.connection.notify("participant_updated", { version: 2, participant: { ...bob, camera: true } });
    server.connection.notify("participant_updated", { version: 3, participant: bob });
    expect([room.videoOf("p-bob", "camera"), told]).toEqual([null, 2]);
  });

  it("are not forgotten when they are told of before the answer has been taken in", async () => {
    let take = () => {};
    const { setRemoteDescription } = FakePeerConnection.prototype;
    vi.spyOn(FakePeerConnection.prototype, "setRemoteDescription").mockImplementation(async function (this: FakePeerConnection) {
      await new Promise<void>((resolve) => (take = resolve));
      await setRemoteDescription.call(this);
    });
    server.answers["join"] = (request) => ({ result: { ...server.joined(request), slots: [seen("5", null)] } });
    const { room } = await enter({ slots: 1, video: 1 }, { connected: false });
    server.connection.notify("slots", { slots: [seen("5", "p-bob")] });
    take();
    await settle();
    const { track: received } = FakePeerConnection.last.video.slots[0]!.receiver;
    received.become(false);
    vi.restoreAllMocks();
    expect(room.videoOf("p-bob", "camera")).toBe(received);
  });

  it("are measured", async () => {
    const { room } = await enter({ slots: 1, video: 1 });
    await settle();
    const connection = FakePeerConnection.last;
    const { track: received } = connection.video.slots[0]!.receiver;
    server.connection.notify("slots", { slots: [seen("5", "p-bob")] });
    received.become(false);
    vi.spyOn(connection, "getStats").mockResolvedValue(new Map([
      ["v", { type: "inbound-rtp", kind: "video", trackIdentifier: received.id, frameWidth: 640, frameHeight: 360, framesPerSecond: 24, freezeCount: 0 }],
    ]));
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await room.quality()).video).toEqual({ width: 640, height: 360, framesPerSecond: 24, freezes: 0 });
  });
});

describe("coming back", () => {
  async function showing() {
    const person = await enter({ slots: 1 });
    await settle();
    await person.room.showVideo(1);
    const camera = track();
    await person.room.setCamera(camera);
    return { ...person, camera };
  }

  it("brings video back with a new connection", async () => {
    const { room, camera } = await showing();
    FakePeerConnection.last.become("disconnected");
    await vi.advanceTimersByTimeAsync(7_000); // the restart does not help
    FakePeerConnection.last.become("connected");
    await settle();
    const { video } = FakePeerConnection.last;
    expect([FakePeerConnection.made.length, video.camera.sender.track, video.slots.length]).toEqual([2, camera, 1]);
    server.connection.notify("slots", { slots: [seen("5", "p-bob")] });
    video.slots[0]!.receiver.track.become(false);
    expect(room.videoOf("p-bob", "camera")).toBe(video.slots[0]!.receiver.track);
    expect(server.connection.last("join")?.params["sources"]).toMatchObject({ 2: "camera" });
  });

  it("touches nothing when the signalling alone was away", async () => {
    const { camera } = await showing();
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([FakePeerConnection.made.length, FakePeerConnection.last.video.camera.sender.history]).toEqual([1, [camera]]);
  });

  it("tells again what is shown in another life of the room", async () => {
    await showing();
    server.resumable = false;
    server.self = { ...server.self, id: "p-again" };
    server.room = { ...server.room, createdAt: 2, participants: [server.self] };
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([updates(), FakePeerConnection.made.length]).toEqual([[{ camera: true }, { camera: true }], 2]);
  });

  it("takes back what a page before this one had said", async () => {
    server.self = { ...server.self, camera: true, screen: true };
    server.room = { ...server.room, participants: [server.self] };
    await enter({ video: 1 });
    await settle();
    expect(updates()).toEqual([{ camera: false, screen: false }]);
  });

  it("restarts ICE with the lines for video in it", async () => {
    await showing();
    const connection = FakePeerConnection.last;
    browser.window.dispatchEvent(new Event("online"));
    await settle();
    expect([connection.restarts, server.connection.last("negotiate")?.params["sources"]]).toEqual([1, { 0: "microphone", 2: "camera", 3: "screen", 4: "screen_audio" }]);
  });
});

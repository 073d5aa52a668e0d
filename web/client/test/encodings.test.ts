import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { preferVideo } from "../src/codecs.js";
import { addCamera, addScreen, layout, tuneCamera, tuneScreen } from "../src/encodings.js";
import { fakeBrowser, fakeCamera, FakePeerConnection, FakeSender, FakeTransceiver } from "./fakes/browser.js";

beforeEach(() => void fakeBrowser());
afterEach(() => void vi.unstubAllGlobals());

const connection = () => new FakePeerConnection() as unknown as RTCPeerConnection;
const sender = (transceiver: RTCRtpTransceiver) => transceiver.sender as unknown as FakeSender;
const track = (settings: MediaTrackSettings) => fakeCamera(settings) as unknown as MediaStreamTrack;

describe("layout", () => {
  it.each([
    [1280, 3, [4, 2, 1]],
    [960, 3, [4, 2, 1]],
    [640, 3, [2, 1, undefined]],
    [320, 3, [1, undefined, undefined]],
    [Infinity, 3, [4, 2, 1]],
    [1280, 1, [1]],
    [640, 2, [2, 1]],
  ])("of %d pixels on %d layers", (longer, count, scales) => {
    const layers = layout(longer, count);
    expect(layers.map((layer) => (layer.active ? layer.scaleResolutionDownBy : undefined))).toEqual(scales);
  });

  it("gives the bits that the pixels want", () => {
    expect(layout(1280, 3).map((layer) => layer.maxBitrate)).toEqual([150_000, 500_000, 1_700_000]);
    expect(layout(1280, 1)[0]?.maxBitrate).toBe(1_700_000);
    expect(layout(640, 1)[0]?.maxBitrate).toBe(500_000);
  });
});

describe("the camera's m-line", () => {
  it("has three layers with three temporal layers each", () => {
    const { encodings } = sender(addCamera(connection()));
    expect(encodings.map(({ rid, scalabilityMode }) => [rid, scalabilityMode])).toEqual([["l", "L1T3"], ["m", "L1T3"], ["h", "L1T3"]]);
  });

  it.each([
    [["L1T3"], "L1T2"],
    [["L1T3", "L1T2"], undefined],
  ])("makes do where %o is refused", (refused, mode) => {
    FakeSender.refusedModes = refused;
    const { encodings } = sender(addCamera(connection()));
    expect(encodings.map(({ scalabilityMode }) => scalabilityMode)).toEqual([mode, mode, mode]);
  });

  it("is fitted to the picture, on its side too", async () => {
    const camera = addCamera(connection());
    await tuneCamera(camera.sender, track({ width: 360, height: 640 }));
    const { encodings, degradationPreference } = sender(camera);
    expect(encodings.map(({ rid, active, scaleResolutionDownBy }) => [rid, active, scaleResolutionDownBy])).toEqual([
      ["l", true, 2], ["m", true, 1], ["h", false, 1],
    ]);
    expect(degradationPreference).toBe("maintain-framerate");
    await tuneCamera(camera.sender, track({}));
    expect(sender(camera).encodings.every(({ active }) => active)).toBe(true);
  });

  it("gives up temporal layers that the codec does not have, rather than the rest", async () => {
    const camera = addCamera(connection());
    FakeSender.refusedModes = ["L1T3"];
    await tuneCamera(camera.sender, track({ width: 320, height: 240 }));
    expect(sender(camera).encodings.map(({ active, scalabilityMode }) => [active, scalabilityMode])).toEqual([
      [true, undefined], [false, undefined], [false, undefined],
    ]);
  });
});

describe("the screen's m-line", () => {
  it("has one layer, which keeps its pixels", async () => {
    const screen = addScreen(connection());
    await tuneScreen(screen.sender);
    expect(sender(screen)).toMatchObject({ encodings: [{ maxBitrate: 2_500_000 }], degradationPreference: "maintain-resolution" });
  });
});

describe("preferVideo", () => {
  const names = (transceiver: FakeTransceiver) => transceiver.codecs.map(({ mimeType }) => mimeType.slice("video/".length));

  it.each(["sendonly", "recvonly"])("has VP8 first, and what the server carries behind it (%s)", (direction) => {
    const transceiver = new FakeTransceiver("video", direction, []);
    preferVideo(transceiver as unknown as RTCRtpTransceiver);
    expect(names(transceiver)).toEqual(["VP8", "VP9", "rtx", "H264", "AV1"]);
  });

  it("goes by what can be received where browsers do", () => {
    const transceiver = new FakeTransceiver("video", "sendonly", []);
    const set = vi.spyOn(transceiver, "setCodecPreferences").mockImplementationOnce(() => {
      throw new Error("not among the receiver's");
    });
    preferVideo(transceiver as unknown as RTCRtpTransceiver);
    expect([set.mock.calls.length, names(transceiver)]).toEqual([2, ["VP8", "VP9", "rtx", "H264", "AV1"]]);
  });
});

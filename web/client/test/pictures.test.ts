import { beforeEach, describe, expect, it } from "vitest";
import { Pictures } from "../src/pictures.js";
import type { Slot } from "../src/protocol.js";
import { FakeReceiver } from "./fakes/browser.js";
import { participant } from "./fakes/server.js";

let changes: number;
let pictures: Pictures;
let receivers: FakeReceiver[];

const attach = (...now: FakeReceiver[]) => {
  pictures.attach(new Map(now.map((receiver, i) => [String(i), receiver as unknown as RTCRtpReceiver])));
};
const slot = (mid: number, who: string | null, source = "camera"): Slot => ({ mid: String(mid), kind: "video", participant: who, source: who && source });
const bob = (camera: boolean, screen = false) => participant("bob", { camera, screen });
const track = (i: number) => receivers[i]?.track;

beforeEach(() => {
  changes = 0;
  pictures = new Pictures(() => changes++);
  receivers = [new FakeReceiver("video"), new FakeReceiver("video")];
  attach(...receivers);
});

describe("Pictures", () => {
  it("shows someone from the first packet on, and tells", () => {
    pictures.setSlots([slot(0, "bob"), slot(1, null)]);
    expect([pictures.of("bob", "camera"), changes]).toEqual([null, 0]);
    track(0)?.become(false);
    expect([pictures.of("bob", "camera"), pictures.of("bob", "screen"), changes]).toEqual([track(0), null, 1]);
    expect([...pictures.trackIds]).toEqual([track(0)?.id]);
    pictures.setSlots([slot(0, null), slot(1, null)]);
    expect([pictures.of("bob", "camera"), changes]).toEqual([null, 2]);
  });

  it("tells camera and screen apart, and passes a slot on", () => {
    receivers.forEach(({ track }) => track.become(false));
    pictures.setSlots([slot(0, "bob"), slot(1, "bob", "screen")]);
    expect([pictures.of("bob", "camera"), pictures.of("bob", "screen")]).toEqual([track(0), track(1)]);
    pictures.setSlots([slot(0, "eve"), slot(1, "bob", "screen")]);
    expect([pictures.of("bob", "camera"), pictures.of("eve", "camera")]).toEqual([null, track(0)]);
  });

  it("tells nothing when nothing has changed, nor of slots for sound", () => {
    track(0)?.become(false);
    pictures.setSlots([slot(0, "bob")]);
    pictures.setSlots([slot(0, "bob"), { ...slot(1, "eve"), kind: "audio" }]);
    expect(changes).toBe(1);
  });

  it("takes someone's word that it is over, until they or the server say otherwise", () => {
    track(0)?.become(false);
    pictures.setSlots([slot(0, "bob")]);
    pictures.told(bob(false), bob(true));
    expect(pictures.of("bob", "camera")).toBeNull();
    pictures.setSlots([slot(0, "bob"), slot(1, "eve")]); // another slot's news
    expect(pictures.of("bob", "camera")).toBeNull();
    pictures.told(bob(true), bob(false));
    expect(pictures.of("bob", "camera")).toBe(track(0));
    pictures.told(bob(false), bob(true));
    pictures.setSlots([slot(0, null)]);
    pictures.setSlots([slot(0, "bob")]); // sends without saying so
    expect(pictures.of("bob", "camera")).toBe(track(0));
  });

  it("keeps the last picture when another connection takes over, but never another's", () => {
    track(0)?.become(false);
    pictures.setSlots([slot(0, "bob")]);
    const [old] = receivers;
    receivers = [new FakeReceiver("video"), new FakeReceiver("video")];
    attach(...receivers);
    expect([pictures.of("bob", "camera"), changes]).toEqual([old?.track, 1]);
    track(0)?.become(false);
    expect([pictures.of("bob", "camera"), changes]).toEqual([track(0), 2]);
    pictures.setSlots([slot(0, "eve"), slot(1, "bob")]);
    expect([pictures.of("bob", "camera"), pictures.of("eve", "camera")]).toEqual([null, track(0)]);
  });

  it("is nobody after the end", () => {
    track(0)?.become(false);
    pictures.setSlots([slot(0, "bob")]);
    pictures.close();
    track(0)?.become(true);
    expect([pictures.of("bob", "camera"), changes]).toEqual([null, 1]);
  });
});

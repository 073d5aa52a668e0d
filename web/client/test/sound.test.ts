import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MicrophoneError } from "../src/microphone.js";
import type { Slot } from "../src/protocol.js";
import { fakeBrowser, FakeAudio, FakePeerConnection, FakeTrack, type FakeBrowser } from "./fakes/browser.js";
import { enter } from "./fakes/people.js";
import { FakeServer, participant, settle } from "./fakes/server.js";

let server: FakeServer;
let browser: FakeBrowser;

beforeEach(() => {
  vi.useFakeTimers();
  browser = fakeBrowser();
  server = new FakeServer();
  const people = [participant("p-bob", { user: "u-bob", csrc: 22 }), participant("p-eve", { user: "u-eve", csrc: 33 })];
  server.room = { ...server.room, participants: [server.self, ...people] };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const track = () => new FakeTrack() as unknown as MediaStreamTrack;
const slot = (mid: string, who: string | null): Slot => ({ mid, kind: "audio", participant: who, source: who && "microphone" });

describe("the offer", () => {
  it("has the microphone first, then the slots, Opus alone, and says which is which", async () => {
    const { room } = await enter({ slots: 3 });
    const { transceivers } = FakePeerConnection.last;
    expect(transceivers.map((t) => t.direction)).toEqual(["sendonly", "recvonly", "recvonly", "recvonly"]);
    expect(transceivers.every((t) => t.codecs.length === 1 && t.codecs[0]?.mimeType === "audio/opus")).toBe(true);
    expect(server.connection.last("join")?.params).toMatchObject({ offer: "offer", sources: { "0": "microphone" } });
    expect(room.mediaState).toBe("connected");
  });

  it("asks for no more slots than the server has", async () => {
    await enter({ slots: 40 });
    expect(FakePeerConnection.last.transceivers).toHaveLength(11);
  });

  it("is left out for the texts alone, and made up for when there is a microphone", async () => {
    const { room } = await enter({ slots: 0 });
    expect(FakePeerConnection.made).toEqual([]);
    expect(server.connection.last("join")?.params).toEqual({ room: "lounge", muted: true });
    expect(room.mediaState).toBe("none");
    await room.setMicrophone(track());
    await settle();
    expect(server.connection.last("join")?.params["offer"]).toBe("offer");
    FakePeerConnection.last.become("connected");
    expect(room.mediaState).toBe("connected");
  });

  it("is left out where there is no WebRTC", async () => {
    vi.stubGlobal("RTCPeerConnection", undefined);
    const { room } = await enter();
    expect([room.mediaState, room.mediaProblem]).toEqual(["none", "unsupported"]);
  });
});

describe("muting", () => {
  it("takes the track off, and puts it back at once", async () => {
    const microphone = track();
    const { room } = await enter({ microphone });
    await settle();
    const connection = FakePeerConnection.last;
    expect(connection.sending).toBe(microphone);
    let answer: (() => void) | undefined;
    server.answers["update"] = ({ id }, from) => {
      answer = () => from.send({ id, result: {} });
      return "pending";
    };
    const muted = room.setMuted(true);
    await settle();
    expect([connection.sending, room.muted, room.self.muted]).toEqual([null, true, true]); // before the server knows
    answer?.();
    await muted;
    void room.setMuted(false);
    await settle();
    expect(connection.sending).toBe(microphone);
  });

  it("sends nothing from the beginning when joined muted", async () => {
    const { room } = await enter({ microphone: track(), muted: true });
    await settle();
    expect(FakePeerConnection.last.transceivers[0]?.sender.history).toEqual([]);
    expect(server.connection.last("join")?.params["muted"]).toBe(true);
    expect(room.muted).toBe(true);
  });

  it("obeys a host, and stops sending", async () => {
    const { room } = await enter({ microphone: track() });
    await settle();
    const heard: boolean[] = [];
    room.on("muted", (muted) => heard.push(muted));
    server.connection.notify("participant_updated", { version: 2, participant: { ...server.self, muted: true } });
    await settle();
    expect([heard, FakePeerConnection.last.sending, room.self.muted]).toEqual([[true], null, true]);
  });

  it("asks for a microphone when there is none to open", async () => {
    const { room } = await enter();
    expect(room.muted).toBe(true);
    await room.setMuted(false);
    await settle();
    expect(browser.devices.asked).toHaveLength(1);
    expect(FakePeerConnection.last.sending).toBe(room.microphone);
    expect([room.muted, server.connection.last("update")?.params]).toEqual([false, { muted: false }]);
  });

  it("stays muted when the microphone is refused", async () => {
    browser.devices.next = "NotAllowedError";
    const { room } = await enter();
    await expect(room.setMuted(false)).rejects.toMatchObject({ name: "MicrophoneError", reason: "denied" });
    expect(room.muted).toBe(true);
  });

  it("is kept over a reconnect, and never undone by the server", async () => {
    const { room } = await enter({ microphone: track() });
    await room.setMuted(true);
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(600);
    expect(server.connection.last("join")?.params).toEqual({ room: "lounge", muted: true });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.muted).toBe(true);
  });
});

describe("the microphone", () => {
  it("is switched while talking, on the same connection", async () => {
    const { room } = await enter({ microphone: track() });
    const second = track();
    await room.setMicrophone(second);
    expect(FakePeerConnection.last.sending).toBe(second);
    expect([FakePeerConnection.made.length, server.connection.count("negotiate")]).toEqual([1, 0]);
  });

  it("belongs to whoever got it", async () => {
    const mine = new FakeTrack();
    const { room } = await enter({ microphone: mine as unknown as MediaStreamTrack });
    await room.leave();
    expect(mine.stopped).toBe(0);

    const taken = (browser.devices.next = new FakeTrack());
    const again = await enter({ microphone: true });
    await again.room.leave();
    expect(taken.stopped).toBe(1);
  });

  it("is replaced when it is pulled out", async () => {
    const first = new FakeTrack();
    const { room } = await enter({ microphone: first as unknown as MediaStreamTrack });
    const second = (browser.devices.next = new FakeTrack());
    first.end();
    await settle();
    expect(room.microphone).toBe(second);
    expect(FakePeerConnection.last.sending).toBe(second);
    expect(browser.devices.asked.at(-1)).toMatchObject({ autoGainControl: false }); // as the first was
  });

  it("is told to be gone when there is no other, and taken when one is plugged in", async () => {
    const first = new FakeTrack();
    const { room } = await enter({ microphone: first as unknown as MediaStreamTrack });
    const told: [unknown, MicrophoneError | undefined][] = [];
    room.on("microphone", (now, error) => told.push([now, error]));
    browser.devices.next = "NotFoundError";
    first.end();
    await settle();
    expect(told).toMatchObject([[null, { reason: "missing" }]]);
    expect(FakePeerConnection.last.sending).toBeNull();
    browser.devices.next = new FakeTrack();
    browser.devices.dispatchEvent(new Event("devicechange"));
    await settle();
    expect(FakePeerConnection.last.sending).toBe(room.microphone);
  });

  it("is taken anew when the system silences it for good (iOS after a call)", async () => {
    const first = new FakeTrack();
    const { room } = await enter({ microphone: first as unknown as MediaStreamTrack });
    first.muted = true;
    first.dispatchEvent(new Event("mute"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.microphone).toBe(first);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(room.microphone).not.toBe(first);
  });
});

describe("listening", () => {
  it("plays each slot in an element of its own", async () => {
    await enter({ slots: 2 });
    await settle();
    expect(FakeAudio.open.map((a) => [a.dataset["hubbubSlot"], a.paused, a.muted])).toEqual([["1", false, false], ["2", false, false]]);
  });

  it("gives the volume to whichever slot carries the person", async () => {
    const { room } = await enter();
    await settle();
    server.connection.notify("slots", { slots: [slot("1", "p-bob"), slot("2", "p-eve")] });
    room.setVolume("p-bob", 0.3);
    expect([FakeAudio.slot("1").volume, FakeAudio.slot("2").volume]).toEqual([0.3, 1]);
    server.connection.notify("slots", { slots: [slot("1", null), slot("2", "p-bob")] });
    server.connection.notify("slots", { slots: [slot("1", "p-eve")] });
    expect([FakeAudio.slot("1").volume, FakeAudio.slot("2").volume]).toEqual([1, 0.3]);
    expect([room.volume("p-bob"), room.slots.length]).toEqual([0.3, 2]);
  });

  it("believes the packets before the notice", async () => {
    const { room } = await enter();
    await settle();
    room.setVolume("p-eve", 0.5);
    server.connection.notify("slots", { slots: [slot("1", "p-bob")] });
    FakePeerConnection.last.slot(0).contributing = [{ source: 22, timestamp: 1 }, { source: 33, timestamp: 2 }];
    await vi.advanceTimersByTimeAsync(100);
    expect(FakeAudio.slot("1").volume).toBe(0.5);
  });

  it("really silences at volume 0, where volume itself has no effect", async () => {
    const { room } = await enter();
    await settle();
    server.connection.notify("slots", { slots: [slot("1", "p-bob")] });
    room.setVolume("p-bob", 0);
    expect(FakeAudio.slot("1").muted).toBe(true);
  });

  it("keeps a person's volume when they come back as another participant", async () => {
    const { room } = await enter();
    room.setVolume("p-bob", 0.2);
    server.connection.notify("participant_left", { version: 2, id: "p-bob", reason: "left" });
    server.connection.notify("participant_joined", { version: 3, participant: participant("p-bob2", { user: "u-bob" }) });
    expect(room.volume("p-bob2")).toBe(0.2);
  });

  it("deafens, without muting", async () => {
    const { room } = await enter({ microphone: track() });
    await settle();
    room.setDeafened(true);
    expect([FakeAudio.open.every((a) => a.muted), room.deafened, room.muted]).toEqual([true, true, false]);
    room.setDeafened(false);
    expect(FakeAudio.open.some((a) => a.muted)).toBe(false);
  });

  it("plays on the chosen speaker, and on the old one when that fails", async () => {
    const { room } = await enter();
    await settle();
    await room.setSpeaker("s1");
    expect(FakeAudio.open.every((a) => a.sink === "s1")).toBe(true);
    await expect(room.setSpeaker("gone")).rejects.toThrow("no such device");
  });

  it("tells when the browser wants a click first, and plays after it", async () => {
    FakeAudio.blocked = true;
    const { room } = await enter();
    await settle();
    expect(room.playbackBlocked).toBe(true);
    const told: boolean[] = [];
    room.on("playbackBlocked", (blocked) => told.push(blocked));
    FakeAudio.blocked = false;
    await room.resumePlayback();
    expect([room.playbackBlocked, told]).toEqual([false, [false]]);
  });
});

describe("who is speaking", () => {
  /** Packets of this contributor go on coming for a while. */
  async function talk(csrc: number, audioLevel: number, duration: number): Promise<void> {
    for (let t = 0; t < duration; t += 20) {
      FakePeerConnection.last.slot(0).contributing = [{ source: csrc, timestamp: Date.now(), audioLevel }];
      await vi.advanceTimersByTimeAsync(20);
    }
  }

  it("comes from the packets, without flicker", async () => {
    const { room } = await enter();
    await settle();
    const told: [string, boolean][] = [];
    room.on("speaking", (id, speaking) => told.push([id, speaking]));
    await talk(22, 0.1, 400);
    expect(room.level("p-bob")).toBeGreaterThan(0.5);
    expect([room.isSpeaking("p-bob"), room.isSpeaking("p-eve"), room.level("p-eve")]).toEqual([true, false, 0]);
    await vi.advanceTimersByTimeAsync(300); // a pause: the entry stays, but nothing new comes
    expect(room.isSpeaking("p-bob")).toBe(true);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(room.level("p-bob")).toBeLessThan(0.3);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([room.level("p-bob"), told]).toEqual([0, [["p-bob", true], ["p-bob", false]]]);
  });

  it("is nobody when the packets are silence", async () => {
    const { room } = await enter();
    await settle();
    await talk(22, 0.0005, 400);
    expect([room.isSpeaking("p-bob"), room.level("p-bob")]).toEqual([false, 0]);
  });
});

describe("mending the connection", () => {
  it("restarts ICE when it stays disconnected", async () => {
    const { room } = await enter();
    const connection = FakePeerConnection.last;
    connection.become("disconnected");
    expect(room.mediaState).toBe("disconnected");
    await vi.advanceTimersByTimeAsync(500);
    expect([connection.restarts, server.connection.last("negotiate")?.params["offer"], connection.answers]).toEqual([1, "restart", 2]);
    connection.become("connected");
    expect(room.mediaState).toBe("connected");
    await vi.advanceTimersByTimeAsync(30_000);
    expect([connection.restarts, FakePeerConnection.made.length]).toEqual([1, 1]);
  });

  it("does nothing about a moment's disconnection", async () => {
    await enter();
    FakePeerConnection.last.become("disconnected");
    await vi.advanceTimersByTimeAsync(300);
    FakePeerConnection.last.become("connected");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(FakePeerConnection.last.restarts).toBe(0);
  });

  it("restarts at once on another network", async () => {
    await enter();
    browser.window.dispatchEvent(new Event("online"));
    await settle();
    expect(FakePeerConnection.last.restarts).toBe(1);
  });

  it("gets a new connection when the restart does not help", async () => {
    const { room } = await enter();
    FakePeerConnection.last.become("disconnected");
    await vi.advanceTimersByTimeAsync(7_000);
    expect(FakePeerConnection.made).toHaveLength(2);
    expect(server.connection.last("join")?.params["offer"]).toBe("offer");
    FakePeerConnection.last.become("connected");
    expect([room.mediaState, FakePeerConnection.open.length]).toEqual(["connected", 1]);
  });

  it("gets a new connection when the server does not know the old one", async () => {
    await enter();
    server.answers["negotiate"] = () => ({ error: { code: 409, message: "not here", data: { reason: "conflict" } } });
    FakePeerConnection.last.become("disconnected");
    await vi.advanceTimersByTimeAsync(600);
    expect(FakePeerConnection.made).toHaveLength(2);
  });

  it("waits for the signalling when that is away, and mends then", async () => {
    await enter();
    const connection = FakePeerConnection.last;
    server.reachable = false;
    server.connection.close(1006);
    connection.become("disconnected");
    await vi.advanceTimersByTimeAsync(2_000);
    server.reachable = true;
    // The delay before each attempt is random: it passes on the fake clock, whose seconds cost nothing.
    for (let waited = 0; server.connection.count("negotiate") === 0 && waited < 30_000; waited += 100) {
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(server.connection.count("negotiate")).toBe(1);
    expect(server.connection.last("join")?.params).not.toHaveProperty("offer");
    connection.become("connected");
    await vi.advanceTimersByTimeAsync(10_000);
    expect([connection.restarts, FakePeerConnection.made.length]).toEqual([2, 1]);
  });

  it("says what is the matter when nothing gets through, and goes on trying", async () => {
    const { room } = await enter({}, { connected: false });
    expect(room.mediaState).toBe("connecting");
    const told: unknown[] = [];
    room.on("media", (state, problem) => told.push([state, problem]));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([["failed", "blocked"]]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([FakePeerConnection.made.length, FakePeerConnection.open.length]).toEqual([2, 1]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([["failed", "blocked"], ["connecting", undefined], ["failed", "blocked"]]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(FakePeerConnection.made).toHaveLength(3);
    FakePeerConnection.last.become("connected");
    expect(room.mediaState).toBe("connected");
  });

  it("tells that an answer makes no sense", async () => {
    FakePeerConnection.refuseAnswers = true;
    const { room } = await enter();
    await settle();
    expect([room.mediaState, room.mediaProblem]).toEqual(["failed", "rejected"]);
    await room.leave();
    expect(FakePeerConnection.open).toEqual([]);
  });
});

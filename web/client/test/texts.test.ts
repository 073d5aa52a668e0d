import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Whisper } from "../src/protocol.js";
import { fakeBrowser } from "./fakes/browser.js";
import { enter } from "./fakes/people.js";
import { FakeServer, settle } from "./fakes/server.js";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  fakeBrowser();
  server = new FakeServer();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const whisper: Whisper = { id: "w-1", from: { id: "u-bob", name: "Bob" }, to: "u-ann", text: "psst", time: 1 };

describe("whispers", () => {
  it("come once, and are acknowledged each time", async () => {
    const { client } = await enter();
    const heard: string[] = [];
    client.on("whisper", (w) => heard.push(w.text));
    server.connection.notify("whisper", whisper);
    server.connection.close(1006); // before the acknowledgement got through, as far as the server knows
    await vi.advanceTimersByTimeAsync(600);
    server.connection.notify("whisper", whisper);
    expect(heard).toEqual(["psst"]);
    for (const connection of server.connections) {
      expect(connection.last("ack")).toMatchObject({ params: { whisper: "w-1" } });
      expect(connection.last("ack")).not.toHaveProperty("id");
    }
  });

  it("are sent again with the same nonce when the line breaks", async () => {
    const { client } = await enter();
    server.answers["whisper"] = () => "pending";
    const receipt = client.whisper("u-bob", "psst");
    await settle();
    const first = server.connection.last("whisper")?.params;
    delete server.answers["whisper"];
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(600);
    await expect(receipt).resolves.toEqual({ id: "w1", time: 1, status: "delivered" });
    expect(server.connection.last("whisper")?.params).toEqual(first);
    expect(first?.["nonce"]).toEqual(expect.any(String));
  });

  it("have each a nonce of their own", async () => {
    const { client } = await enter();
    await client.whisper("u-bob", "one");
    const one = server.connection.last("whisper")?.params["nonce"];
    await client.whisper("u-bob", "one");
    expect(server.connection.last("whisper")?.params["nonce"]).not.toBe(one);
  });

  it("tell a refusal at once", async () => {
    const { client } = await enter();
    server.answers["whisper"] = () => ({ error: { code: 403, message: "no", data: { reason: "forbidden" } } });
    await expect(client.whisper("u-bob", "psst")).rejects.toMatchObject({ code: 403 });
    expect(server.connection.count("whisper")).toBe(1);
  });

  it("wait as long as the server asks when there were too many", async () => {
    const { client } = await enter();
    let refusals = 1;
    server.answers["whisper"] = () =>
      refusals-- > 0
        ? { error: { code: 429, message: "slow", data: { reason: "rate_limited", retryAfter: 700 } } }
        : { result: { id: "w2", time: 1, status: "stored" } };
    const receipt = client.whisper("u-bob", "psst");
    await vi.advanceTimersByTimeAsync(699);
    expect(server.connection.count("whisper")).toBe(1);
    await vi.advanceTimersByTimeAsync(2);
    await expect(receipt).resolves.toMatchObject({ status: "stored" });
  });
});

describe("chat", () => {
  it("shows one's own message in its place", async () => {
    const { room } = await enter();
    await settle();
    server.answers["chat"] = () => ({ result: { id: "m1", seq: 1, time: 5 } });
    const heard: string[] = [];
    room.on("message", (m) => heard.push(m.text));
    const message = await room.chat("hello");
    expect(message).toMatchObject({ seq: 1, participant: "p-self", user: { id: "u-ann", name: "Ann" } });
    expect([room.messages, heard]).toEqual([[message], ["hello"]]);
  });

  it("is sent once more over a reconnect, with its nonce", async () => {
    const { room } = await enter();
    server.answers["chat"] = () => "pending";
    const said = room.chat("hello");
    await settle();
    const nonce = server.connection.last("chat")?.params["nonce"];
    server.answers["chat"] = () => ({ result: { id: "m1", seq: 1, time: 5 } });
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(600);
    await said;
    expect(server.connection.last("chat")?.params["nonce"]).toBe(nonce);
  });

  it("gets what was missed during a reconnect", async () => {
    const { room } = await enter();
    await settle();
    server.answers["history"] = (request) => ({
      result: { messages: request.params["after"] === 0 ? [{ id: "m1", seq: 1, participant: "p", user: { id: "u", name: "U" }, text: "missed", time: 1 }] : [] },
    });
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(600);
    expect(room.messages.map((m) => m.text)).toEqual(["missed"]);
  });

  it("refuses after leaving", async () => {
    const { room } = await enter();
    await room.leave();
    await expect(room.chat("hello")).rejects.toMatchObject({ reason: "closed" });
  });
});

describe("the roster", () => {
  it("is fetched anew at a gap, without touching the sound", async () => {
    const { room } = await enter({ microphone: true });
    server.room = { ...server.room, version: 7 };
    server.connection.notify("participant_left", { version: 7, id: "x", reason: "left" });
    await settle();
    expect(server.connection.last("join")?.params).toEqual({ room: "lounge" });
    expect([room.participants.size, server.connection.count("join")]).toEqual([1, 2]);
  });
});

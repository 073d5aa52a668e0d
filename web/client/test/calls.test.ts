import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../src/client.js";
import type { Call, CallState } from "../src/protocol.js";
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

const ann = { id: "u-ann", name: "Ann" };
const bob = { id: "u-bob", name: "Bob" };
const incoming: Call = { id: "c1", from: bob, to: ann, media: "audio", room: "call-c1", state: "ringing", expiresAt: 30_000 };
const outgoing: Call = { ...incoming, id: "c2", from: ann, to: bob, room: "call-c2" };

/** Connected, with the states that the page was told. */
async function connected(options = {}): Promise<{ client: Client; told: string[] }> {
  const client = new Client({ url: "https://voice.example", name: "Ann", ...options });
  const told: string[] = [];
  client.on("call", (call) => told.push(`${call.id} ${call.state}`));
  await client.connect();
  return { client, told };
}

function change(call: Call, state: CallState): void {
  server.connection.notify("call", { call: { ...call, state } });
}

const soon = () => vi.advanceTimersByTimeAsync(600);

describe("calls", () => {
  it("ring, are accepted and end, each told once", async () => {
    const { client, told } = await connected();
    server.answers["call"] = () => ({ result: { call: outgoing } });
    expect(await client.call("u-bob")).toEqual(outgoing);
    expect(server.connection.last("call")?.params).toEqual({ to: "u-bob", media: "audio" });
    change(outgoing, "ringing"); // to all connections of both, this one too
    change(outgoing, "accepted");
    expect(client.calls).toEqual([{ ...outgoing, state: "accepted" }]);
    change(outgoing, "ended");
    expect([client.calls, told]).toEqual([[], ["c2 ringing", "c2 accepted", "c2 ended"]]);
  });

  it("do not go back to what they were", async () => {
    const { client, told } = await connected();
    change(incoming, "ringing");
    change(incoming, "cancelled");
    server.answers["answer"] = () => ({ result: { call: { ...incoming, state: "accepted" } } });
    await client.answer("c1", true); // was on its way before
    change(incoming, "ringing");
    expect([client.calls, told]).toEqual([[], ["c1 ringing", "c1 cancelled"]]);
  });

  it.each([[true, "accepted"], [false, "declined"]] as const)("answered with %s are %s", async (accept, state) => {
    const { client, told } = await connected();
    change(incoming, "ringing");
    server.answers["answer"] = () => ({ result: { call: { ...incoming, state } } });
    await client.answer("c1", accept);
    expect(server.connection.last("answer")?.params).toEqual({ call: "c1", accept });
    expect(told.at(-1)).toBe(`c1 ${state}`);
  });

  it.each([[480, "offline"], [486, "busy"], [403, "forbidden"]])("refused with %i tell why", async (code, reason) => {
    const { client, told } = await connected();
    server.answers["call"] = () => ({ error: { code, message: "no", data: { reason } } });
    await expect(client.call("u-bob")).rejects.toMatchObject({ code, reason });
    expect(told).toEqual([]);
  });

  it("are not placed or answered twice when the line breaks", async () => {
    const { client } = await connected();
    server.answers["call"] = server.answers["answer"] = () => "pending";
    const outcomes = Promise.allSettled([client.call("u-bob"), client.answer("c1", true)]);
    await settle();
    server.connection.close(1006);
    await soon();
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { reason: "disconnected" } });
    expect([server.connection.count("call"), server.connection.count("answer")]).toEqual([0, 0]);
  });

  it("are hung up over a reconnect, and once they are over anyway", async () => {
    const { client } = await connected();
    change(incoming, "accepted");
    server.answers["hangup"] = () => "pending";
    const hungUp = client.hangup("c1");
    await settle();
    server.calls = [{ ...incoming, state: "accepted" }];
    server.answers["hangup"] = () => ({ error: { code: 409, message: "over", data: { reason: "conflict" } } });
    server.connection.close(1006);
    await soon();
    await expect(hungUp).resolves.toMatchObject({ id: "c1" });
    expect(server.connection.count("hangup")).toBe(1);
  });
});

describe("calls and connecting", () => {
  it("are listed, those that ring already too", async () => {
    server.calls = [incoming];
    const { client, told } = await connected();
    expect([client.calls, told]).toEqual([[incoming], ["c1 ringing"]]);
  });

  it("that came to an end meanwhile are told of", async () => {
    server.calls = [incoming, { ...outgoing, state: "accepted" }];
    const { client, told } = await connected();
    server.calls = [];
    server.connection.close(1006);
    await soon();
    expect([client.calls, told.slice(2)]).toEqual([[], ["c1 missed", "c2 ended"]]);
  });

  it("a server that knows nothing of calls lists none", async () => {
    server.answers["connect"] = () => {
      const { calls: _, ...welcome } = server.welcome(false);
      return { result: welcome };
    };
    expect((await connected()).client.calls).toEqual([]);
  });
});

describe("a page that is reloaded", () => {
  it("does not leave, and its next life resumes once", async () => {
    const { client } = await enter();
    const resume = client.suspend();
    expect(resume).toBe("resume-1");
    expect(server.connection.closedByClient?.code).toBe(3000);
    expect(server.connection.count("leave")).toBe(0);
    expect([client.state, client.room]).toEqual(["closed", undefined]);

    server.calls = [{ ...incoming, state: "accepted" }];
    const next = await connected({ resume });
    expect(server.connection.requests[0]?.params).toMatchObject({ resume: "resume-1", name: "Ann" });
    expect(next.client.calls).toHaveLength(1);
    await next.client.close();
    await next.client.connect();
    expect(server.connection.requests[0]?.params).not.toHaveProperty("resume");
  });

  it("has nothing to resume while not connected", () => {
    expect(new Client({ url: "https://voice.example", name: "Ann" }).suspend()).toBeUndefined();
  });
});

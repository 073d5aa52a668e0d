import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HubbubError } from "../src/errors.js";
import { RpcConnection, type Closed } from "../src/rpc.js";
import { FakeServer, settle } from "./fakes/server.js";

let server: FakeServer;
let notifications: [string, unknown][];
let closed: Closed[];

function open(): RpcConnection {
  return new RpcConnection(new WebSocket("wss://h/v1/signal", "hubbub.v1"), {
    notification: (method, params) => notifications.push([method, params]),
    closed: (how) => closed.push(how),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  notifications = [];
  closed = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("RpcConnection", () => {
  it("pipelines, and takes answers in any order", async () => {
    server.answers["slow"] = () => "pending";
    server.answers["fast"] = () => ({ result: "fast" });
    const rpc = open();
    const slow = rpc.request("slow");
    const fast = rpc.request("fast", { a: 1 });
    await expect(fast).resolves.toBe("fast");
    expect(server.connection.requests).toEqual([
      { jsonrpc: "2.0", id: 1, method: "slow", params: {} },
      { jsonrpc: "2.0", id: 2, method: "fast", params: { a: 1 } },
    ]);
    server.connection.send({ id: 1, result: "slow" });
    await expect(slow).resolves.toBe("slow");
  });

  it("maps errors with their reason and data", async () => {
    server.answers["m"] = () => ({ error: { code: 429, message: "too fast", data: { reason: "rate_limited", retryAfter: 40 } } });
    const error = await open().request("m").catch((e: HubbubError) => e);
    expect(error).toBeInstanceOf(HubbubError);
    expect(error).toMatchObject({ code: 429, reason: "rate_limited", message: "too fast", retryAfter: 40 });
  });

  it("names JSON-RPC's own errors", async () => {
    server.answers["m"] = () => ({ error: { code: -32601, message: "no such method" } });
    await expect(open().request("m")).rejects.toMatchObject({ code: -32601, reason: "protocol" });
  });

  it("gives up on an answer that does not come", async () => {
    server.answers["m"] = () => "pending";
    const answer = open().request("m", {}, 1_000);
    const checked = expect(answer).rejects.toMatchObject({ code: 0, reason: "timeout" });
    await vi.advanceTimersByTimeAsync(1_000);
    await checked;
    server.connection.send({ id: 1, result: "late" }); // and is not disturbed by it
  });

  it("rejects what is under way when the line breaks, with the close code", async () => {
    server.answers["m"] = () => "pending";
    const answer = open().request("m");
    const checked = expect(answer).rejects.toMatchObject({ reason: "disconnected", data: { closeCode: 4003 } });
    await settle();
    server.connection.close(4003, "removed");
    await checked;
    expect(closed).toEqual([{ code: 4003, reason: "removed", opened: true }]);
  });

  it("tells a server that cannot be reached", async () => {
    server.reachable = false;
    await expect(open().request("m")).rejects.toMatchObject({ reason: "unreachable" });
  });

  it("ends at once when we close it, whatever the other side does", async () => {
    const rpc = open();
    await settle();
    rpc.close(3000, "dead");
    expect(closed).toEqual([{ code: 3000, reason: "dead", opened: true }]);
    expect(server.connection.closedByClient).toEqual({ code: 3000, reason: "dead" });
    await expect(rpc.request("m")).rejects.toMatchObject({ reason: "disconnected" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("hands notifications on, and survives what makes no sense", async () => {
    open();
    await settle();
    for (const data of ["{", "null", "7", '{"id":99,"result":{}}', '{"id":null,"error":{"code":-32600,"message":""}}']) {
      server.connection.raw(data);
    }
    server.connection.notify("chat", { text: "hi" });
    expect(notifications).toEqual([["chat", { text: "hi" }]]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../src/client.js";
import { fakeBrowser, FakeAudio, FakePeerConnection, FakeTrack, type FakeBrowser } from "./fakes/browser.js";
import { enter } from "./fakes/people.js";
import { FakeServer, participant, settle } from "./fakes/server.js";

let server: FakeServer;
let browser: FakeBrowser;

beforeEach(() => {
  vi.useFakeTimers();
  browser = fakeBrowser();
  server = new FakeServer();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Long enough for any first attempt to reconnect. */
const soon = () => vi.advanceTimersByTimeAsync(600);

describe("connecting", () => {
  it("says who we are, once for all who ask", async () => {
    const client = new Client({ url: "https://voice.example", name: "Ann", token: async () => "t", client: { name: "test", version: "1" } });
    const [user] = await Promise.all([client.connect(), client.connect()]);
    expect(user).toEqual({ id: "u-ann", name: "Ann" });
    expect(server.connections).toHaveLength(1);
    expect(server.connection.requests[0]?.params).toEqual({ name: "Ann", token: "t", client: { name: "test", version: "1" } });
    expect([client.state, client.limits?.text]).toEqual(["connected", 4000]);
    await client.close();
  });

  it("fails plainly when the server is not there, and leaves nothing behind", async () => {
    server.reachable = false;
    const client = new Client({ url: "https://voice.example", name: "Ann" });
    await expect(client.connect()).rejects.toMatchObject({ reason: "unreachable" });
    expect(client.state).toBe("idle");
    expect(vi.getTimerCount()).toBe(0);
    server.reachable = true;
    await client.connect();
    expect(client.state).toBe("connected");
    await client.close();
  });

  it("waits for a server that is draining", async () => {
    let refusals = 2;
    server.answers["connect"] = () =>
      refusals-- > 0 ? { error: { code: 503, message: "draining", data: { reason: "unavailable", retryAfter: 1_000 } } } : { result: server.welcome(false) };
    const connected = new Client({ url: "https://voice.example", name: "Ann" }).connect();
    await vi.advanceTimersByTimeAsync(2_500);
    await expect(connected).resolves.toMatchObject({ id: "u-ann" });
  });

  it("tells a refusal", async () => {
    server.answers["connect"] = () => ({ error: { code: 401, message: "a token is needed", data: { reason: "unauthorized" } } });
    await expect(new Client({ url: "https://voice.example" }).connect()).rejects.toMatchObject({ code: 401, reason: "unauthorized" });
  });

  it("releases the microphone that it took when joining fails", async () => {
    const track = (browser.devices.next = new FakeTrack());
    server.answers["join"] = () => ({ error: { code: 507, message: "full", data: { reason: "room_full" } } });
    await expect(enter({ microphone: true })).rejects.toMatchObject({ code: 507 });
    expect(track.stopped).toBe(1);
    expect(FakePeerConnection.open).toEqual([]);
  });

  it("leaves a room before it joins the next", async () => {
    const { client, room } = await enter();
    const left: string[] = [];
    room.on("left", (reason) => left.push(reason));
    await client.join("attic");
    expect(left).toEqual(["left"]);
    const methods = server.connection.requests.map((r) => r.method).filter((m) => m === "join" || m === "leave");
    expect(methods).toEqual(["join", "leave", "join"]);
  });
});

describe("reconnecting", () => {
  it("resumes, and lets the sound go on as it was", async () => {
    const { client, room, states } = await enter({ microphone: true });
    server.connection.close(1006);
    expect(client.state).toBe("reconnecting");
    await soon();
    expect(server.connection.requests[0]?.params).toMatchObject({ resume: "resume-1", name: "Ann" });
    expect(server.connection.last("join")?.params).toEqual({ room: "lounge" });
    expect(states).toEqual(["connecting", "connected", "reconnecting", "connected"]);
    expect(FakePeerConnection.made).toHaveLength(1);
    expect(client.room).toBe(room);
  });

  it("resumes by the newest string that has joined, not by one that only connected", async () => {
    await enter();
    let cut = true;
    server.answers["join"] = (request, connection) => {
      if (cut) {
        cut = false;
        connection.close(1006);
        return "pending";
      }
      return { result: server.joined(request) };
    };
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.connections.map((c) => c.requests[0]?.params["resume"])).toEqual([undefined, "resume-1", "resume-1"]);
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.connection.requests[0]?.params["resume"]).toBe("resume-3");
  });

  it("offers anew when the node does not have the sound", async () => {
    const { client } = await enter({ microphone: true });
    const first = FakePeerConnection.last;
    server.answers["join"] = (request) =>
      request.params["offer"] === undefined ? { error: { code: 409, message: "not here", data: { reason: "conflict" } } } : { result: server.joined(request) };
    server.connection.close(1012);
    await soon();
    expect(server.connection.count("join")).toBe(2);
    expect(client.state).toBe("connected");
    // The old sound plays until the new one is through.
    expect(FakePeerConnection.open).toHaveLength(2);
    FakePeerConnection.last.become("connected");
    await settle();
    expect(FakePeerConnection.open).toEqual([FakePeerConnection.last]);
    expect(first.connectionState).toBe("closed");
    expect(FakeAudio.open).toHaveLength(10);
  });

  it("comes back into the same room after the server was restarted, as another guest", async () => {
    const { client, room, states } = await enter({ muted: false, microphone: true });
    await room.setHand(true);
    const joined: string[] = [];
    room.on("participantJoined", (p) => joined.push(p.id));
    server.reachable = false;
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.state).toBe("reconnecting");
    server.resumable = false;
    server.reachable = true;
    server.self = participant("p-new", { user: "u-new", name: "Ann", csrc: 9 });
    server.room = { ...server.room, createdAt: 99, version: 1, participants: [server.self] };
    await vi.advanceTimersByTimeAsync(11_000);
    expect(states).toEqual(["connecting", "connected", "reconnecting", "connected"]);
    expect(server.connection.last("join")?.params["offer"]).toBe("offer");
    expect([client.user?.id, room.self.id, client.room === room]).toEqual(["u-new", "p-new", true]);
    expect(joined).toEqual([]);
    expect(server.connection.last("update")?.params).toEqual({ hand: true });
  });

  it("notices a dead line within 10 s", async () => {
    const { client } = await enter();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(server.connections).toHaveLength(1);
    const first = server.connection;
    server.mute = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(client.state).toBe("reconnecting");
    expect(first.closedByClient?.code).toBe(3000); // not 1000, which would be a leave
  });

  it("asks at once when the network changes", async () => {
    const { client } = await enter();
    server.mute = true;
    browser.window.dispatchEvent(new Event("offline"));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(client.state).toBe("reconnecting");
  });

  it("asks at once when the machine was asleep, and believes an answer that is only late", async () => {
    const { client } = await enter();
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([client.state, server.connections.length]).toEqual(["connected", 1]);
    server.mute = true;
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(client.state).toBe("reconnecting");
  });

  it("measures the round trip", async () => {
    const { client } = await enter();
    server.answers["ping"] = ({ id }, from) => {
      setTimeout(() => from.send({ id, result: { time: 1 } }), 50);
      return "pending";
    };
    await vi.advanceTimersByTimeAsync(60_000);
    expect(client.roundTrip).toBeGreaterThan(40);
    expect(client.roundTrip).toBeLessThanOrEqual(50);
  });

  it("tries at once when the network is back", async () => {
    const { client } = await enter();
    server.reachable = false;
    server.connection.close(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    server.reachable = true;
    browser.window.dispatchEvent(new Event("online"));
    await settle();
    expect(client.state).toBe("connected");
  });

  it("tells when it will try again", async () => {
    const client = new Client({ url: "https://voice.example", name: "Ann" });
    await client.connect();
    const details: (number | undefined)[] = [];
    client.on("state", (state, detail) => state === "reconnecting" && details.push(detail.retryAt));
    server.connection.close(1006);
    await soon();
    expect(details[0]).toBeGreaterThanOrEqual(Date.now() - 600);
    expect(details[1]).toBeUndefined();
  });

  it.each([
    [4010, "replaced"],
    [4003, "removed"],
    [4001, "unauthorized"],
    [4029, "flooding"],
  ] as const)("ends with close code %i", async (code, reason) => {
    const { client, room, states, ended } = await enter({ microphone: true });
    const left: string[] = [];
    room.on("left", (why) => left.push(why));
    server.connection.close(code, "because");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended).toEqual([{ code, reason, message: "because" }]);
    expect([states.at(-1), left, client.room, server.connections.length]).toEqual(["closed", [reason], undefined, 1]);
    expect(FakePeerConnection.open).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells a ban from a removal", async () => {
    const { ended, room } = await enter();
    server.connection.notify("participant_left", { version: 2, id: "p-self", reason: "banned" });
    expect(room.self.id).toBe("p-self"); // views may ask for it still
    server.connection.close(4003);
    expect(ended).toMatchObject([{ reason: "banned" }]);
  });

  it("ends when the room does not take us back", async () => {
    const { client, ended } = await enter();
    server.answers["join"] = () => ({ error: { code: 403, message: "banned", data: { reason: "forbidden" } } });
    server.connection.close(1006);
    await soon();
    expect(ended).toEqual([{ code: 403, reason: "forbidden", message: "banned" }]);
    expect(client.state).toBe("closed");
  });
});

describe("moving to another node", () => {
  it("opens the new connection first, then closes the old", async () => {
    const { client, states } = await enter({ microphone: true });
    const old = server.connection;
    old.notify("reconnect", { reason: "draining", after: 30_000 });
    await settle();
    expect(server.connections).toHaveLength(2);
    expect(server.connection.last("join")?.params).toMatchObject({ room: "lounge", offer: "offer" });
    expect(old.closedByClient).toBeUndefined();
    FakePeerConnection.last.become("connected");
    await settle();
    expect(old.closedByClient?.code).toBe(3000);
    expect(states).toEqual(["connecting", "connected"]);
    expect([client.state, FakePeerConnection.open.length]).toEqual(["connected", 1]);
  });

  it("tries again while the old connection serves, when it meets a draining node", async () => {
    const { client, states } = await enter();
    let refusals = 2;
    server.answers["connect"] = () =>
      refusals-- > 0 ? { error: { code: 503, message: "draining", data: { reason: "unavailable", retryAfter: 500 } } } : { result: server.welcome(true) };
    server.connection.notify("reconnect", { reason: "draining", after: 30_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    FakePeerConnection.last.become("connected");
    await settle();
    expect(server.connections).toHaveLength(4);
    expect(server.connections[0]?.closedByClient?.code).toBe(3000);
    expect([client.state, states.includes("reconnecting")]).toEqual(["connected", false]);
  });
});

describe("closing", () => {
  it("is a leave, and releases everything", async () => {
    const track = (browser.devices.next = new FakeTrack());
    const { client } = await enter({ microphone: true });
    await client.close();
    expect(track.stopped).toBe(1);
    expect(server.connection.closedByClient?.code).toBe(1000);
    expect([client.state, client.room]).toEqual(["closed", undefined]);
    expect([FakePeerConnection.open, FakeAudio.open]).toEqual([[], []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("lets the client be used again", async () => {
    const { client } = await enter();
    await client.close();
    const room = await client.join("lounge");
    expect([client.state, client.room === room, server.connections.length]).toEqual(["connected", true, 2]);
    expect(server.connection.requests[0]?.params).toEqual({ name: "Ann" }); // no resuming of what was left
  });

  it("ends what waits for the line", async () => {
    const { client, room } = await enter();
    server.reachable = false;
    server.connection.close(1006);
    const said = room.chat("hello");
    const checked = expect(said).rejects.toMatchObject({ reason: "closed" });
    await client.close();
    await checked;
  });

  it("leaves when the page goes away, but not into the back/forward cache", async () => {
    const { client } = await enter();
    browser.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    expect(client.state).toBe("connected");
    browser.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    expect(server.connection.closedByClient?.code).toBe(1000);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import type { Participant } from "../src/protocol.js";
import { Roster } from "../src/roster.js";
import { participant } from "./fakes/server.js";

let events: string[];

function roster(people: Participant[], version = 5): Roster {
  return new Roster({ name: "r", version, createdAt: 1, limit: 50, participants: people }, {
    arriving: (p) => p,
    joined: (p) => events.push(`joined ${p.id}`),
    updated: (p, before) => events.push(`updated ${before.name}>${p.name}`),
    left: (p, reason) => events.push(`left ${p.id} ${reason}`),
    changed: () => events.push("changed"),
    gap: () => events.push("gap"),
  });
}

beforeEach(() => {
  events = [];
});

describe("Roster", () => {
  it("follows the events", () => {
    const r = roster([participant("a")]);
    r.apply("participant_joined", { version: 6, participant: participant("b", { joinedAt: 2 }) });
    r.apply("participant_updated", { version: 7, participant: participant("b", { name: "bee", joinedAt: 2 }) });
    r.apply("participant_left", { version: 8, id: "a", reason: "timeout" });
    r.apply("room_updated", { version: 9, room: { name: "r", createdAt: 1, limit: 7, version: 9 } });
    expect(events.filter((e) => e !== "changed")).toEqual(["joined b", "updated b>bee", "left a timeout"]);
    expect([...r.participants.keys()]).toEqual(["b"]);
    expect(r.info).toEqual({ name: "r", version: 9, createdAt: 1, limit: 7 });
  });

  it("gives a new map with each change, so that views can compare", () => {
    const r = roster([participant("a")]);
    const before = r.participants;
    r.apply("participant_joined", { version: 6, participant: participant("b") });
    expect(r.participants).not.toBe(before);
    expect(before.size).toBe(1);
  });

  it("ignores versions that it knows, and other notifications", () => {
    const r = roster([participant("a")]);
    r.apply("participant_left", { version: 5, id: "a", reason: "left" });
    r.apply("something_new", {});
    expect(events).toEqual([]);
  });

  it("asks once for a snapshot at a gap, and takes nothing else until it comes", () => {
    const r = roster([participant("a")]);
    r.apply("participant_left", { version: 7, id: "a", reason: "left" });
    r.apply("participant_left", { version: 6, id: "a", reason: "left" });
    expect(events).toEqual(["gap"]);
    expect(r.participants.size).toBe(1);

    r.reset({ name: "r", version: 8, createdAt: 1, limit: 50, participants: [participant("b"), participant("c", { joinedAt: 2 })] });
    expect(events).toEqual(["gap", "left a left", "joined b", "joined c", "changed"]);
    r.apply("participant_left", { version: 8, id: "b", reason: "left" }); // was in the snapshot
    r.apply("participant_left", { version: 9, id: "b", reason: "left" });
    expect([...r.participants.keys()]).toEqual(["c"]);
  });

  it("asks again when the snapshot did not come", () => {
    const r = roster([]);
    r.apply("participant_left", { version: 7, id: "a", reason: "left" });
    r.snapshotFailed();
    r.apply("participant_left", { version: 8, id: "a", reason: "left" });
    expect(events).toEqual(["gap", "gap"]);
  });

  it("tells of no comings and goings when everyone has another id", () => {
    const r = roster([participant("a")]);
    r.reset({ name: "r", version: 1, createdAt: 2, limit: 50, participants: [participant("z")] }, true);
    expect(events).toEqual(["changed"]);
  });

  it("tells of no update that changes nothing", () => {
    const r = roster([participant("a")]);
    r.apply("participant_updated", { version: 6, participant: participant("a") });
    expect(events).toEqual(["changed"]);
  });
});

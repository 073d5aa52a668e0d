import { describe, expect, it } from "vitest";
import { HubbubError } from "../src/errors.js";
import { ReconnectPolicy, type Verdict } from "../src/reconnect.js";

function policyAt(random: number, clock = { now: 0 }): ReconnectPolicy {
  return new ReconnectPolicy({ base: 500, cap: 10_000, random: () => random, now: () => clock.now });
}

function delay(verdict: Verdict): number {
  if (!verdict.retry) throw new Error(`ended: ${verdict.ended.reason}`);
  return verdict.delay;
}

const unreachable = new HubbubError(0, "unreachable", "");

describe("ReconnectPolicy", () => {
  it("doubles the bound up to the cap", () => {
    const policy = policyAt(1);
    const delays = [delay(policy.closed(1006, ""))];
    for (let i = 0; i < 6; i++) delays.push(delay(policy.refused(unreachable)));
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it("spreads over the whole range, so that a restart is no stampede", () => {
    expect(delay(policyAt(0).closed(1012, ""))).toBe(0);
    expect(delay(policyAt(0.5).closed(1012, ""))).toBe(250);
  });

  it("waits at least as long as the server asks", () => {
    const full = new HubbubError(503, "unavailable", "", { reason: "unavailable", retryAfter: 3_000 });
    expect(delay(policyAt(0).refused(full))).toBe(3_000);
    expect(delay(policyAt(1).refused(full))).toBe(3_750);
  });

  it.each([
    [1000, "left"],
    [4001, "unauthorized"],
    [4003, "removed"],
    [4009, "protocol_error"],
    [4010, "replaced"],
    [4029, "flooding"],
  ])("ends at close code %i", (code, reason) => {
    expect(policyAt(0).closed(code, "text")).toEqual({ retry: false, ended: { code, reason, message: "text" } });
  });

  it.each([1001, 1006, 1012, 4008])("goes on after close code %i", (code) => {
    expect(policyAt(0).closed(code, "").retry).toBe(true);
  });

  it.each([
    [400, "invalid"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [404, "not_found"],
    [507, "room_full"],
  ])("ends when refused with %i", (code, reason) => {
    expect(policyAt(0).refused(new HubbubError(code, reason, "no"))).toEqual({ retry: false, ended: { code, reason, message: "no" } });
  });

  it("ends when an attempt is closed for good", () => {
    const error = new HubbubError(0, "disconnected", "", { closeCode: 4003, closeReason: "by a host" });
    expect(policyAt(0).refused(error)).toEqual({ retry: false, ended: { code: 4003, reason: "removed", message: "by a host" } });
  });

  it("forgets failures only after a connection that held", () => {
    const clock = { now: 0 };
    const policy = policyAt(1, clock);
    policy.closed(1006, "");
    policy.refused(unreachable);
    policy.succeeded();
    clock.now += 1_000;
    expect(delay(policy.closed(1006, ""))).toBe(2_000);
    policy.succeeded();
    clock.now += 6_000;
    expect(delay(policy.closed(1006, ""))).toBe(500);
  });

  it("begins anew when the network comes back", () => {
    const policy = policyAt(1);
    for (let i = 0; i < 5; i++) policy.refused(unreachable);
    policy.freshStart();
    expect(delay(policy.refused(unreachable))).toBe(500);
  });
});

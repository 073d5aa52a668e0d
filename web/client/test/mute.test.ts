import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Mute } from "../src/mute.js";

let sent: boolean[];
let changes: boolean[];
let replies: { resolve: () => void; reject: (e: Error) => void }[];

function mute(muted: boolean, atServer = muted): Mute {
  return new Mute(muted, atServer, {
    send: (value) => {
      sent.push(value);
      return new Promise<void>((resolve, reject) => replies.push({ resolve, reject }));
    },
    changed: (value) => changes.push(value),
  });
}

async function reply(error?: Error): Promise<void> {
  const next = replies.shift();
  if (error) next?.reject(error);
  else next?.resolve();
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  changes = [];
  replies = [];
});

afterEach(() => void vi.useRealTimers());

describe("Mute", () => {
  it("counts at once, and is told to the server", async () => {
    const m = mute(false);
    const done = m.set(true);
    expect([m.muted, changes, sent]).toEqual([true, [true], [true]]);
    await reply();
    await done;
  });

  it("tells one change at a time, and the last one last", async () => {
    const m = mute(true);
    const done = m.set(false);
    void m.set(true);
    void m.set(false);
    void m.set(true);
    expect(sent).toEqual([false]);
    await reply();
    expect(sent).toEqual([false, true]);
    await reply();
    await done;
    expect(m.muted).toBe(true);
  });

  it("does not flap when the server's notices come late", async () => {
    const m = mute(true);
    const done = m.set(false);
    m.heard(true); // of before
    await reply();
    await done;
    m.heard(true);
    m.heard(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changes).toEqual([false]);
  });

  it("obeys a host", () => {
    const m = mute(false);
    m.heard(true);
    expect([m.muted, changes, sent]).toEqual([true, [true], []]);
  });

  it("obeys a host whose word came between ours", async () => {
    const m = mute(true);
    void m.set(false);
    await reply();
    m.heard(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(m.muted).toBe(true);
  });

  it("is never opened by the server", () => {
    const m = mute(true);
    m.heard(false);
    expect([m.muted, changes, sent]).toEqual([true, [], [true]]);
  });

  it("is muted when the server refuses to open", async () => {
    const m = mute(true);
    const done = m.set(false);
    const checked = expect(done).rejects.toThrow("no");
    await reply(new Error("no"));
    await checked;
    expect([m.muted, changes]).toEqual([true, [false, true]]);
  });

  it("stays muted when the server does not get it", async () => {
    const m = mute(false);
    const checked = expect(m.set(true)).rejects.toThrow("away");
    await reply(new Error("away"));
    await checked;
    expect(m.muted).toBe(true);
  });
});

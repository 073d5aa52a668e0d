import { beforeEach, describe, expect, it } from "vitest";
import { ChatLog } from "../src/chatlog.js";
import type { Message } from "../src/protocol.js";

let asked: (number | undefined)[];
let stored: Message[];
let told: number[];
let answers: "at once" | "fail" | Promise<void>;

function message(seq: number, text = `m${seq}`): Message {
  return { id: `id-${text}`, seq, participant: "p", user: { id: "u", name: "U" }, text, time: seq };
}

function chatlog(): ChatLog {
  return new ChatLog({
    history: async (after) => {
      asked.push(after);
      if (answers === "fail") throw new Error("away");
      if (answers !== "at once") await answers;
      return stored.filter((m) => after === undefined || m.seq > after).slice(0, 200);
    },
    message: (m) => told.push(m.seq),
    changed: () => undefined,
  });
}

const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

async function joined(last: number): Promise<ChatLog> {
  stored = Array.from({ length: last }, (_, i) => message(i + 1));
  const log = chatlog();
  log.catchUp();
  await settled();
  return log;
}

const seqs = (log: ChatLog) => log.messages.map((m) => m.seq);

beforeEach(() => {
  asked = [];
  told = [];
  stored = [];
  answers = "at once";
});

describe("ChatLog", () => {
  it("begins with what was said before, which is no news", async () => {
    const log = await joined(3);
    expect(seqs(log)).toEqual([1, 2, 3]);
    expect(told).toEqual([]);
    log.receive(message(4));
    expect(told).toEqual([4]);
  });

  it("tells as news what comes during the first look", async () => {
    let open!: () => void;
    answers = new Promise((resolve) => (open = resolve));
    stored = [message(1), message(2), message(3)];
    const log = chatlog();
    log.catchUp();
    log.receive(message(3));
    open();
    await settled();
    expect(seqs(log)).toEqual([1, 2, 3]);
    expect(told).toEqual([3]);
  });

  it("fills a gap before it shows what came after it", async () => {
    const log = await joined(1);
    stored.push(message(2), message(3), message(4));
    log.receive(message(4));
    expect(seqs(log)).toEqual([1]);
    await settled();
    expect(asked).toEqual([undefined, 1]);
    expect(told).toEqual([2, 3, 4]);
  });

  it("takes each message once", async () => {
    const log = await joined(1);
    log.receive(message(2));
    log.receive(message(2));
    log.receive(message(1));
    expect(seqs(log)).toEqual([1, 2]);
  });

  it("fetches what was missed while away, in as many steps as it takes", async () => {
    const log = await joined(1);
    stored = Array.from({ length: 450 }, (_, i) => message(i + 1));
    log.receive(message(450));
    await settled();
    expect(told).toHaveLength(449);
    expect(asked).toEqual([undefined, 1, 201, 401]);
  });

  it("goes on when the server has forgotten what is missing", async () => {
    const log = await joined(1);
    stored = [message(8), message(9)];
    log.receive(message(9));
    await settled();
    expect(seqs(log)).toEqual([1, 8, 9]);
  });

  it("shows what it has when the history is not to be had", async () => {
    const log = await joined(1);
    answers = "fail";
    log.receive(message(5));
    await settled();
    expect(seqs(log)).toEqual([1, 5]);
  });

  it("counts anew in another life of the room, and keeps what was said", async () => {
    const log = await joined(3);
    stored = [message(1, "new")];
    log.restart();
    log.catchUp();
    await settled();
    expect(log.messages.map((m) => m.text)).toEqual(["m1", "m2", "m3", "new"]);
    expect(told).toEqual([1]);
  });

  it("puts older messages in front, once", async () => {
    stored = [message(3), message(4)];
    const log = chatlog();
    log.catchUp();
    await settled();
    log.prepend([message(1), message(2), message(3)]);
    log.prepend([message(1)]);
    expect(seqs(log)).toEqual([1, 2, 3, 4]);
  });
});

import type { Message } from "./protocol.js";

export interface ChatLogHandlers {
  /** Asks the server: what comes after `seq`, or without it the newest. At most 200, oldest first. */
  history: (after: number | undefined) => Promise<readonly Message[]>;
  /** A message of after our joining, in order. */
  message: (message: Message) => void;
  /** `messages` is another now. */
  changed: () => void;
}

/** A page that stays open for weeks must not grow; older ones can still be had by `Room.history`. */
const KEPT = 5_000;

/**
 * The room's messages in order. The server numbers them without gaps, so what was missed is known, and fetched
 * before what came after it is shown.
 */
export class ChatLog {
  readonly #handlers: ChatLogHandlers;
  #messages: readonly Message[] = [];
  /** The last `seq` up to which nothing is missing; undefined until the newest were fetched once. */
  #last: number | undefined;
  /** What came before something that is missing. */
  readonly #ahead = new Map<number, Message>();
  #fetching: Promise<void> | undefined;
  #again = false;

  constructor(handlers: ChatLogHandlers) {
    this.#handlers = handlers;
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** A message has come, or our own was answered. */
  receive(message: Message): void {
    if (this.#last !== undefined && message.seq <= this.#last) return; // known
    this.#ahead.set(message.seq, message);
    if (this.#last === undefined) return this.catchUp();
    this.#advance();
    if (this.#ahead.size > 0) this.catchUp();
  }

  /** Fetches what was missed, if anything: after joining, and after each reconnect. */
  catchUp(): void {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.catchUp();
    });
  }

  /** The room is another of the same name: numbering begins anew. What was said before stays to be read. */
  restart(): void {
    this.#last = 0;
    this.#ahead.clear();
  }

  /** Adds what was fetched by scrolling back. */
  prepend(older: readonly Message[]): void {
    const known = new Set(this.#messages.map((m) => m.id));
    const first = this.#messages[0]?.seq ?? this.#last ?? 0;
    const fresh = older.filter((m) => !known.has(m.id) && m.seq < first);
    if (fresh.length > 0) this.#show([...fresh, ...this.#messages]);
  }

  async #fetch(): Promise<void> {
    const after = this.#last;
    let found: readonly Message[];
    try {
      found = await this.#handlers.history(after);
    } catch {
      // The line broke (catchUp comes after the reconnect), or there is no history to be had: show what there is.
      this.#skip(after ?? 0);
      return;
    }
    if (after !== this.#last) return; // restarted meanwhile; catchUp was called again
    if (after === undefined) {
      // The first look at the room: not news, but for what came while we looked.
      const live = Math.min(...this.#ahead.keys());
      const old = found.filter((m) => m.seq < live);
      for (const m of found.slice(old.length)) this.#ahead.set(m.seq, m);
      this.#last = old.at(-1)?.seq ?? (Number.isFinite(live) ? live - 1 : 0);
      if (old.length > 0) this.#show(old);
    } else {
      for (const m of found) this.#ahead.set(m.seq, m);
      // The server has forgotten what lies before the first that it gave.
      if (found[0]) this.#last = Math.max(after, found[0].seq - 1);
    }
    this.#advance();
    if (this.#ahead.size > 0) {
      if (found.length > 0) this.#again = true;
      else this.#skip(this.#last ?? 0);
    }
  }

  /** Gives up on what is missing. */
  #skip(from: number): void {
    const next = Math.min(...this.#ahead.keys());
    this.#last = Math.max(from, Number.isFinite(next) ? next - 1 : from);
    this.#advance();
  }

  #advance(): void {
    const fresh: Message[] = [];
    for (;;) {
      const message = this.#ahead.get((this.#last ?? 0) + 1);
      if (!message) break;
      this.#ahead.delete(message.seq);
      this.#last = message.seq;
      fresh.push(message);
    }
    if (fresh.length === 0) return;
    this.#show([...this.#messages, ...fresh]);
    for (const message of fresh) this.#handlers.message(message);
  }

  #show(messages: readonly Message[]): void {
    this.#messages = messages.length > KEPT ? messages.slice(-KEPT) : messages;
    this.#handlers.changed();
  }
}

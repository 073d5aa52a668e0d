import type { HubbubError } from "./errors.js";
import type { Ended } from "./options.js";
import { CloseCode } from "./protocol.js";

export type Verdict = { retry: true; /** milliseconds */ delay: number } | { retry: false; ended: Ended };

export interface ReconnectOptions {
  /** Milliseconds: the first delay is between 0 and this. */
  base?: number;
  /** Milliseconds: no delay of our own is longer. */
  cap?: number;
  /** 0 ≤ random() < 1 */
  random?: () => number;
  /** Milliseconds, monotonic. */
  now?: () => number;
}

/** A connection that held for less has not earned a fresh start: it would be a tight loop of connecting and losing. */
const STABLE = 5_000;

const FINAL: Record<number, Ended["reason"]> = {
  [CloseCode.Left]: "left",
  [CloseCode.Unauthorized]: "unauthorized",
  [CloseCode.Removed]: "removed",
  [CloseCode.ProtocolError]: "protocol_error",
  [CloseCode.Replaced]: "replaced",
  [CloseCode.Flooding]: "flooding",
};

const FINAL_ERRORS: Record<number, Ended["reason"]> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  507: "room_full",
};

/**
 * Decides whether and when to try again. It holds no timers: it is asked, and answers.
 *
 * Delays grow exponentially with full jitter (each is anywhere between 0 and the bound), so that the people of a restarted server
 * do not come back all at once. What the server says with `retryAfter` goes before.
 */
export class ReconnectPolicy {
  readonly #base: number;
  readonly #cap: number;
  readonly #random: () => number;
  readonly #now: () => number;
  #attempts = 0;
  #since: number | undefined;

  constructor({ base = 500, cap = 10_000, random = Math.random, now = () => performance.now() }: ReconnectOptions = {}) {
    this.#base = base;
    this.#cap = cap;
    this.#random = random;
    this.#now = now;
  }

  /** An established connection was closed, with this WebSocket close code and text. */
  closed(code: number, reason: string): Verdict {
    if (this.#since !== undefined && this.#now() - this.#since >= STABLE) this.#attempts = 0;
    this.#since = undefined;
    const final = FINAL[code];
    if (final) return { retry: false, ended: { code, reason: final, message: reason } };
    return this.#later();
  }

  /** An attempt to connect, or to get the room back, has failed. */
  refused(error: HubbubError): Verdict {
    const closeCode = error.data["closeCode"];
    if (typeof closeCode === "number" && FINAL[closeCode]) return this.closed(closeCode, String(error.data["closeReason"] ?? ""));
    const final = FINAL_ERRORS[error.code];
    if (final) return { retry: false, ended: { code: error.code, reason: final, message: error.message } };
    const after = error.retryAfter;
    if (after === undefined) return this.#later();
    this.#attempts++;
    // Later than told, never earlier, and not all at the same moment.
    return { retry: true, delay: after + this.#random() * Math.max(this.#base, after / 4) };
  }

  /** Connected, and in the room again. */
  succeeded(): void {
    this.#since = this.#now();
  }

  /** The network came back or the machine woke up: what failed before says nothing any more. */
  freshStart(): void {
    this.#attempts = 0;
  }

  #later(): Verdict {
    const bound = Math.min(this.#cap, this.#base * 2 ** this.#attempts++);
    return { retry: true, delay: this.#random() * bound };
  }
}

import type { RpcConnection } from "./rpc.js";

/** Worst case until a dead line is noticed: it dies just after an answer, so INTERVAL + TIMEOUT = 9 s. */
const INTERVAL = 4_000;
const TIMEOUT = 5_000;
/** After a hint that the network changed, an answer is wanted sooner. */
const PROBE_TIMEOUT = 3_000;
/** A timer that comes later than this was held back: the machine slept, or the page was frozen. */
const LATE = 2_000;

/**
 * Pings the server to measure the round trip, and to notice a dead line: browsers see no WebSocket pings, and a connection whose
 * other end is gone stays "open" for minutes.
 */
export class Heartbeat {
  readonly #rpc: RpcConnection;
  readonly #dead: () => void;
  #next: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #roundTrip: number | undefined;
  #stopped = false;

  constructor(rpc: RpcConnection, dead: () => void) {
    this.#rpc = rpc;
    this.#dead = dead;
    this.#ping(TIMEOUT);
  }

  /** Milliseconds, smoothed. */
  get roundTrip(): number | undefined {
    return this.#roundTrip;
  }

  /** Asks now whether the line still lives. */
  probe(): void {
    if (!this.#stopped) this.#ping(PROBE_TIMEOUT);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
    clearTimeout(this.#deadline);
  }

  #ping(timeout: number): void {
    clearTimeout(this.#next);
    clearTimeout(this.#deadline);
    const sentAt = performance.now();
    this.#deadline = setTimeout(() => this.#expired(sentAt, timeout), timeout);
    this.#rpc.request("ping", {}, 2 * timeout).then(
      () => this.#answered(performance.now() - sentAt),
      // Refusals (429) are answers too; silence and the end of the connection are seen elsewhere.
      (error: { code: number }) => error.code !== 0 && this.#answered(undefined),
    );
  }

  #answered(roundTrip: number | undefined): void {
    if (this.#stopped) return;
    clearTimeout(this.#deadline);
    clearTimeout(this.#next);
    if (roundTrip !== undefined) {
      this.#roundTrip = this.#roundTrip === undefined ? roundTrip : 0.7 * this.#roundTrip + 0.3 * roundTrip;
    }
    this.#next = setTimeout(() => this.#ping(TIMEOUT), INTERVAL);
  }

  #expired(sentAt: number, timeout: number): void {
    const late = performance.now() - sentAt > timeout + LATE;
    // Anything that came since is life as well: the answer may be stuck behind a large snapshot.
    if (late || this.#rpc.lastFrameAt > sentAt) this.#ping(PROBE_TIMEOUT);
    else this.#dead();
  }
}

import { HubbubError } from "./errors.js";
import type { Call, CallMedia, CallState } from "./protocol.js";
import type { RequestOptions } from "./session.js";

/** How many calls that are over are remembered, against what comes late. */
const REMEMBERED = 100;

/** A state never goes back. */
const progress: Record<CallState, number> = { ringing: 1, accepted: 2, declined: 3, cancelled: 3, missed: 3, ended: 3 };
const OVER = 3;

/**
 * The user's calls, on all devices. What is known of one comes from several sides, in any order: answers, notifications, and what `connect` lists.
 */
export class Calls {
  readonly #request: <T>(method: string, params: object, options: RequestOptions) => Promise<T>;
  readonly #changed: (call: Call) => void;
  readonly #known = new Map<string, Call>();
  #open: readonly Call[] = [];

  constructor(request: <T>(method: string, params: object, options: RequestOptions) => Promise<T>, changed: (call: Call) => void) {
    this.#request = request;
    this.#changed = changed;
  }

  /** Those that are not over. */
  get open(): readonly Call[] {
    return this.#open;
  }

  /** Not repeated: it would ring twice. */
  async call(to: string, media: CallMedia): Promise<Call> {
    return this.#told(await this.#request<{ call: Call }>("call", { to, media }, { repeat: false }));
  }

  /** Not repeated: whoever accepts twice could not tell the other device from this one. */
  async answer(id: string, accept: boolean): Promise<Call> {
    return this.#told(await this.#request<{ call: Call }>("answer", { call: id, accept }, { repeat: false }));
  }

  async hangup(id: string): Promise<Call | undefined> {
    try {
      return this.#told(await this.#request<{ call: Call }>("hangup", { call: id }, { repeat: true }));
    } catch (error) {
      // The other was quicker, or the first attempt got through although its answer did not.
      if (error instanceof HubbubError && (error.code === 409 || error.code === 404)) return this.#known.get(id);
      throw error;
    }
  }

  receive(call: Call): void {
    const before = this.#known.get(call.id);
    if (before && progress[before.state] >= progress[call.state]) return;
    this.#known.delete(call.id);
    this.#known.set(call.id, call);
    this.#update();
    this.#changed(call);
  }

  /** A new connection was told which calls there are: the others have come to an end meanwhile. */
  restore(listed: readonly Call[] = []): void {
    const ids = new Set(listed.map((call) => call.id));
    for (const call of this.#open) {
      if (!ids.has(call.id)) this.receive({ ...call, state: call.state === "accepted" ? "ended" : "missed" });
    }
    for (const call of listed) this.receive(call);
  }

  #told({ call }: { call: Call }): Call {
    this.receive(call);
    return call;
  }

  #update(): void {
    const calls = [...this.#known.values()];
    const over = calls.filter((call) => progress[call.state] === OVER);
    for (const call of over.slice(0, Math.max(0, over.length - REMEMBERED))) this.#known.delete(call.id);
    this.#open = calls.filter((call) => progress[call.state] < OVER);
  }
}

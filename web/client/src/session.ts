import { watchEnvironment, type Hint } from "./environment.js";
import { HubbubError, toHubbubError } from "./errors.js";
import { Link, type Hello } from "./link.js";
import type { ClientOptions, ConnectionState, Ended, StateDetail } from "./options.js";
import type { ConnectResult } from "./protocol.js";
import { ReconnectPolicy } from "./reconnect.js";
import type { Closed } from "./rpc.js";
import { sleep } from "./sleep.js";

export interface SessionHandlers {
  state: (state: ConnectionState, detail: StateDetail) => void;
  /** A link has been opened, and nothing else has come on it yet. */
  welcomed: (welcome: ConnectResult) => void;
  /** From any link that is open, the one in use or one about to be. */
  notification: (link: Link, method: string, params: Record<string, unknown>) => void;
  /**
   * Gets the room back on a new link; resolves when the server has answered. `heard` resolves when the sound has gone over to
   * it as well, or will not: a link that still serves the old sound is kept until then.
   */
  rejoin: (link: Link, how: Rejoin) => Promise<{ heard: Promise<void> }>;
  hint: (hint: Hint) => void;
  ended: (why: Ended) => void;
}

export interface Rejoin {
  /** The server knows us, and keeps the participant. */
  resumed: boolean;
  /** The server asked us to move to another node: the old link still serves. */
  moving: boolean;
}

export interface RequestOptions {
  /** Whether it may be sent again when the line broke before the answer: it changes nothing, or the server knows its nonce. */
  repeat: boolean;
}

/** How long `connect` goes on when the server says 503 before it tells the caller. */
const FIRST_PATIENCE = 10_000;
/** How long a request waits for the line to come back. */
const REQUEST_PATIENCE = 60_000;
const RATE_LIMIT_TRIES = 5;
const TIMEOUT_TRIES = 3;

/**
 * A user's standing connection: opens links one after the other, resumes on each where the last one ended, and carries
 * requests over the gaps between them.
 */
export class Session {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #handlers: SessionHandlers;
  readonly #policy: ReconnectPolicy;
  #state: ConnectionState = "idle";
  #link: Link | undefined;
  #welcome: ConnectResult | undefined;
  #first: Promise<ConnectResult> | undefined;
  /** What of ours is under way: the first connect, a reconnect or a move. Aborted when another takes over. */
  #run = new AbortController();
  #resume: string | undefined;
  /** The one of the options, which is good for one `connect`. */
  #usedResume: string | undefined;
  #name: string | undefined;
  #hasten: (() => void) | undefined;
  #stopWatching: (() => void) | undefined;
  readonly #waiting = new Set<{ resolve: (link: Link) => void; reject: (error: HubbubError) => void }>();

  constructor(url: string, options: ClientOptions, handlers: SessionHandlers, policy = new ReconnectPolicy()) {
    this.#url = url;
    this.#options = options;
    this.#handlers = handlers;
    this.#policy = policy;
    this.#name = options.name;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  /** The last answer to `connect`, if there was any. */
  get known(): ConnectResult | undefined {
    return this.#welcome;
  }

  get welcome(): ConnectResult {
    if (!this.#welcome) throw notConnected();
    return this.#welcome;
  }

  /** The name to connect with from now on. */
  rename(name: string): void {
    this.#name = name;
  }

  /** The first time it is one attempt, and its failure is the caller's; only `unavailable` is tried again for a while. */
  async connect(): Promise<ConnectResult> {
    if (this.#state === "connected" || this.#state === "reconnecting") return (await this.ready()).welcome;
    this.#first ??= this.#connectFirst().finally(() => (this.#first = undefined));
    return this.#first;
  }

  /** The link in use, as soon as there is one. Rejects with `disconnected` after a minute without, or `closed`. */
  ready(): Promise<Link> {
    if (this.#state === "connected" && this.#link) return Promise.resolve(this.#link);
    if (this.#state === "idle" || this.#state === "closed") return Promise.reject(notConnected());
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
      };
      const waiter = {
        resolve: (link: Link) => (settle(), resolve(link)),
        reject: (error: HubbubError) => (settle(), reject(error)),
      };
      const timer = setTimeout(
        () => waiter.reject(new HubbubError(0, "disconnected", "the connection did not come back in time")),
        REQUEST_PATIENCE,
      );
      this.#waiting.add(waiter);
    });
  }

  async request<T>(method: string, params: object, { repeat }: RequestOptions): Promise<T> {
    for (let limited = 0, timeouts = 0; ; ) {
      const link = await this.ready();
      try {
        return await link.request<T>(method, params);
      } catch (cause) {
        const error = toHubbubError(cause);
        if (error.reason === "rate_limited" && limited++ < RATE_LIMIT_TRIES) await sleep(error.retryAfter ?? 1_000);
        else if (!repeat || !error.isConnectionLoss) throw error;
        else if (error.reason === "timeout" && ++timeouts >= TIMEOUT_TRIES) throw error;
      }
    }
  }

  /** Leaves at once, and connects no more. */
  close(): void {
    const link = this.#link;
    this.#shut();
    link?.leave();
    this.#setState("closed", {});
  }

  /** Connects no more, as if the line had broken. Returns what resumes the session elsewhere, within the grace time. */
  suspend(): string | undefined {
    const link = this.#link;
    const resume = this.#resume;
    this.#shut();
    link?.abandon("suspended");
    this.#setState("closed", {});
    return resume;
  }

  async #connectFirst(): Promise<ConnectResult> {
    const run = this.#take();
    const deadline = performance.now() + FIRST_PATIENCE;
    this.#resume = this.#options.resume !== this.#usedResume ? this.#options.resume : undefined;
    this.#usedResume = this.#options.resume;
    this.#setState("connecting", {});
    for (;;) {
      try {
        const link = await this.#open(run);
        this.#adopt(link);
        return link.welcome;
      } catch (cause) {
        const error = toHubbubError(cause);
        if (run.signal.aborted) throw error;
        const delay = error.code === 503 ? (error.retryAfter ?? 1_000) : Infinity;
        if (performance.now() + delay > deadline) {
          this.#shut();
          this.#setState("idle", { error });
          throw error;
        }
        await this.#pause(delay, run);
      }
    }
  }

  async #recover(cause: Closed): Promise<void> {
    const run = this.#take();
    let verdict = this.#policy.closed(cause.code, cause.reason);
    let error = new HubbubError(0, "disconnected", cause.reason || "the connection was lost", { closeCode: cause.code });
    for (;;) {
      if (!verdict.retry) return this.#end(verdict.ended);
      this.#setState("reconnecting", { error, retryAt: Date.now() + verdict.delay });
      await this.#pause(verdict.delay, run);
      if (run.signal.aborted) return;
      this.#setState("reconnecting", { error });
      let link: Link | undefined;
      try {
        link = await this.#open(run);
        await this.#handlers.rejoin(link, { resumed: link.welcome.resumed, moving: false });
        if (run.signal.aborted) return link.abandon("given up");
        return this.#adopt(link);
      } catch (failure) {
        link?.abandon("could not rejoin");
        if (run.signal.aborted) return;
        error = toHubbubError(failure);
        verdict = this.#policy.refused(error);
      }
    }
  }

  /** The server asks us to go elsewhere within `after` ms: a new link first, then the old one closes. */
  async #move(after: number): Promise<void> {
    const run = this.#take();
    const old = this.#link;
    const deadline = performance.now() + after;
    while (!run.signal.aborted && performance.now() < deadline) {
      let link: Link | undefined;
      try {
        link = await this.#open(run);
        const { heard } = await this.#handlers.rejoin(link, { resumed: link.welcome.resumed, moving: true });
        if (run.signal.aborted) return link.abandon("given up");
        // From here on the old link's closing is no loss any more.
        this.#adopt(link);
        await heard;
        old?.abandon("moved");
        return;
      } catch (cause) {
        link?.abandon("could not move");
        if (run.signal.aborted) return;
        // Not worth ending for: the old link still serves. When it closes, the usual way decides.
        const verdict = this.#policy.refused(toHubbubError(cause));
        await this.#pause(verdict.retry ? verdict.delay : after, run);
      }
    }
  }

  async #open(run: AbortController): Promise<Link> {
    const { token, client } = this.#options;
    const hello: Hello = {};
    if (client) hello.client = client;
    if (this.#name !== undefined) hello.name = this.#name;
    if (this.#resume !== undefined) hello.resume = this.#resume;
    if (typeof token === "string") hello.token = token;
    else if (token) {
      try {
        hello.token = await token();
      } catch (cause) {
        // Whoever issues tokens may be away; to resume, none is needed.
        if (hello.resume === undefined) throw cause;
      }
    }
    const link = await Link.open(this.#url, hello, {
      notification: (from, method, params) => this.#notified(from, method, params),
      closed: (which, how) => this.#closed(which, how),
    }, run.signal);
    this.#welcome = link.welcome;
    this.#handlers.welcomed(link.welcome);
    return link;
  }

  #adopt(link: Link): void {
    this.#link = link;
    // Only now: until the new session has joined, the old string is the one that surely finds the participant.
    this.#resume = link.welcome.resume;
    if (link.closed) return this.#closed(link, link.closed);
    this.#policy.succeeded();
    this.#stopWatching ??= watchEnvironment((hint) => this.#hinted(hint));
    this.#setState("connected", {});
    for (const waiter of [...this.#waiting]) waiter.resolve(link);
  }

  #closed(link: Link, how: Closed): void {
    if (link !== this.#link) return; // one that was given up, or has not been taken into use
    this.#link = undefined;
    void this.#recover(how);
  }

  #notified(link: Link, method: string, params: Record<string, unknown>): void {
    if (method === "reconnect") {
      if (link === this.#link) void this.#move(typeof params["after"] === "number" ? params["after"] : REQUEST_PATIENCE);
    } else {
      this.#handlers.notification(link, method, params);
    }
  }

  #hinted(hint: Hint): void {
    if (hint !== "offline") {
      if (hint === "online" || hint === "awake") this.#policy.freshStart();
      this.#hasten?.();
    }
    this.#link?.probe();
    this.#handlers.hint(hint);
  }

  /** Waits, or less when a hint says that now is a good time. */
  async #pause(delay: number, run: AbortController): Promise<void> {
    const hurry = new AbortController();
    const stop = () => hurry.abort();
    this.#hasten = stop;
    run.signal.addEventListener("abort", stop, { once: true });
    await sleep(delay, hurry.signal);
    run.signal.removeEventListener("abort", stop);
    if (this.#hasten === stop) this.#hasten = undefined;
  }

  #take(): AbortController {
    this.#run.abort();
    return (this.#run = new AbortController());
  }

  #end(why: Ended): void {
    this.#shut();
    this.#setState("closed", { error: new HubbubError(why.code, why.reason, why.message) });
    this.#handlers.ended(why);
  }

  #shut(): void {
    this.#run.abort();
    this.#link = undefined;
    this.#resume = undefined;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    for (const waiter of [...this.#waiting]) waiter.reject(notConnected());
  }

  #setState(state: ConnectionState, detail: StateDetail): void {
    this.#state = state;
    this.#handlers.state(state, detail);
  }
}

function notConnected(): HubbubError {
  return new HubbubError(0, "closed", "the client is not connected");
}

import { HubbubError } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import { CloseCode, SUBPROTOCOL, type ConnectResult } from "./protocol.js";
import { RpcConnection, type Closed } from "./rpc.js";

export interface Hello {
  name?: string;
  token?: string;
  resume?: string;
  client?: { name: string; version: string };
}

export interface LinkHandlers {
  notification: (link: Link, method: string, params: Record<string, unknown>) => void;
  closed: (link: Link, how: Closed) => void;
}

const CONNECT_TIMEOUT = 10_000;

/** One WebSocket on which `connect` has been answered, watched by a heartbeat. When it ends, another takes its place. */
export class Link {
  readonly #rpc: RpcConnection;
  #heartbeat: Heartbeat | undefined;
  #welcome: ConnectResult | undefined;

  private constructor(url: string, handlers: LinkHandlers) {
    const socket = new WebSocket(url, SUBPROTOCOL);
    this.#rpc = new RpcConnection(socket, {
      notification: (method, params) => handlers.notification(this, method, params),
      closed: (how) => {
        this.#heartbeat?.stop();
        handlers.closed(this, how);
      },
    });
  }

  /** Rejects with `unreachable`, `timeout`, `closed` (when aborted), or the server's refusal. */
  static async open(url: string, hello: Hello, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
    if (signal.aborted) throw new HubbubError(0, "closed", "connecting was given up");
    const link = new Link(url, handlers);
    const abort = () => link.abandon("given up");
    signal.addEventListener("abort", abort, { once: true });
    try {
      link.#welcome = await link.#rpc.request<ConnectResult>("connect", hello, CONNECT_TIMEOUT);
      link.#heartbeat = new Heartbeat(link.#rpc, () => link.abandon("no answer"));
      return link;
    } catch (error) {
      link.abandon("connect failed");
      if (signal.aborted) throw new HubbubError(0, "closed", "connecting was given up");
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** The answer to `connect`. */
  get welcome(): ConnectResult {
    if (!this.#welcome) throw new Error("the link is not open yet");
    return this.#welcome;
  }

  get closed(): Closed | undefined {
    return this.#rpc.closed;
  }

  get roundTrip(): number | undefined {
    return this.#heartbeat?.roundTrip;
  }

  request<T>(method: string, params?: object, timeout?: number): Promise<T> {
    return this.#rpc.request<T>(method, params, timeout);
  }

  notify(method: string, params: object): void {
    this.#rpc.notify(method, params);
  }

  /** Asks at once whether the other side is still there. */
  probe(): void {
    this.#heartbeat?.probe();
  }

  /** Closes it as a leave: the server ends the participant at once, without grace. */
  leave(): void {
    this.#rpc.close(CloseCode.Left, "left");
  }

  /** Closes it without leaving: the participant goes on elsewhere, or within the grace time. */
  abandon(why: string): void {
    this.#rpc.close(CloseCode.Abandoned, why);
  }
}

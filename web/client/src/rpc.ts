import { HubbubError } from "./errors.js";

/** A JSON-RPC 2.0 error object, as the server sends it. */
interface WireError {
  code: number;
  message: string;
  data?: Record<string, unknown>;
}

interface Frame {
  id?: number | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: WireError;
}

interface Pending {
  method: string;
  resolve: (result: never) => void;
  reject: (error: HubbubError) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** How a connection came to its end; 1006 when no close frame was seen (RFC 6455, section 7.1.5). */
export interface Closed {
  code: number;
  reason: string;
  /** Whether it had ever been open. */
  opened: boolean;
}

export interface RpcHandlers {
  notification: (method: string, params: Record<string, unknown>) => void;
  closed: (how: Closed) => void;
}

const REQUEST_TIMEOUT = 10_000;

/**
 * JSON-RPC 2.0 over one WebSocket. Requests may be made at once, before the socket is open, and any number may be under way.
 * It knows nothing of what the methods mean, and does not reconnect.
 */
export class RpcConnection {
  readonly #socket: WebSocket;
  readonly #handlers: RpcHandlers;
  readonly #pending = new Map<number, Pending>();
  readonly #unsent: string[] = [];
  #lastId = 0;
  #opened = false;
  #closed: Closed | undefined;
  #lastFrameAt = 0;

  constructor(socket: WebSocket, handlers: RpcHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.onopen = () => {
      this.#opened = true;
      for (const text of this.#unsent.splice(0)) socket.send(text);
    };
    socket.onmessage = (event: MessageEvent) => {
      this.#lastFrameAt = performance.now();
      if (typeof event.data === "string") this.#receive(event.data);
    };
    socket.onclose = (event: CloseEvent) => this.#finish(event.code, event.reason);
  }

  get closed(): Closed | undefined {
    return this.#closed;
  }

  /** When the last frame came, by `performance.now()`; 0 before the first. */
  get lastFrameAt(): number {
    return this.#lastFrameAt;
  }

  /** Rejects with the server's error, or `timeout` (milliseconds), or `disconnected` when the connection ends first. */
  request<T>(method: string, params: object = {}, timeout = REQUEST_TIMEOUT): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(lost(method, this.#closed));
      const id = ++this.#lastId;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new HubbubError(0, "timeout", `no answer to ${method} within ${timeout} ms`));
      }, timeout);
      this.#pending.set(id, { method, resolve: resolve as Pending["resolve"], reject, timer });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** Sends and forgets. */
  notify(method: string, params: object): void {
    if (!this.#closed) this.#send({ jsonrpc: "2.0", method, params });
  }

  /**
   * Ends it now: `handlers.closed` is called before this returns, without waiting for the other side, which may be
   * unreachable. Only 1000 and 3000–4999 are allowed to browsers.
   */
  close(code: number, reason: string): void {
    if (this.#closed) return;
    try {
      this.#socket.close(code, reason);
    } finally {
      this.#finish(code, reason);
    }
  }

  #send(frame: object): void {
    const text = JSON.stringify(frame);
    if (this.#opened) this.#socket.send(text);
    else this.#unsent.push(text);
  }

  #receive(text: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(text) as Frame;
    } catch {
      return; // not ours to mend; a lost answer shows as a timeout
    }
    if (frame === null || typeof frame !== "object") return;
    if (typeof frame.method === "string") {
      const params = frame.params;
      this.#handlers.notification(frame.method, (typeof params === "object" && params !== null ? params : {}) as Record<string, unknown>);
      return;
    }
    const pending = typeof frame.id === "number" ? this.#pending.get(frame.id) : undefined;
    if (!pending) return;
    this.#pending.delete(frame.id as number);
    clearTimeout(pending.timer);
    if (frame.error) pending.reject(fromWire(frame.error));
    else pending.resolve(frame.result as never);
  }

  #finish(code: number, reason: string): void {
    if (this.#closed) return;
    const how = (this.#closed = { code, reason, opened: this.#opened });
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.#unsent.length = 0;
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(lost(pending.method, how));
    }
    this.#pending.clear();
    this.#handlers.closed(how);
  }
}

function fromWire(error: WireError): HubbubError {
  const data = error.data ?? {};
  const reason = typeof data["reason"] === "string" ? data["reason"] : "protocol";
  return new HubbubError(error.code, reason, error.message, data);
}

/** The close code and text go along in `data`, for whoever decides what comes next. */
function lost(method: string, how: Closed): HubbubError {
  const data = { closeCode: how.code, closeReason: how.reason };
  if (!how.opened) return new HubbubError(0, "unreachable", "the server cannot be reached, or does not allow this page's origin", data);
  return new HubbubError(0, "disconnected", `the connection ended during ${method}`, data);
}

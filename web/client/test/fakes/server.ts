import { vi } from "vitest";
import type { Call, ConnectResult, JoinResult, Participant } from "../../src/protocol.js";

export interface Request {
  id?: number;
  method: string;
  params: Record<string, unknown>;
}

/** What a method answers: a result, an error object, or nothing at all for as long as it stays `pending`. */
export type Answer = { result: unknown } | { error: { code: number; message: string; data?: object } } | "pending";

/** The server's side of one WebSocket. */
export class Connection {
  readonly requests: Request[] = [];
  closedByClient: { code: number; reason: string } | undefined;
  readonly #socket: FakeSocket;
  readonly #server: FakeServer;

  constructor(socket: FakeSocket, server: FakeServer) {
    this.#socket = socket;
    this.#server = server;
  }

  receive(text: string): void {
    const request = JSON.parse(text) as Request;
    this.requests.push(request);
    if (request.id === undefined || this.#server.mute) return;
    const answer = this.#server.answer(request, this);
    if (answer !== "pending") queueMicrotask(() => this.send({ id: request.id, ...answer }));
  }

  send(frame: object): void {
    this.raw(JSON.stringify({ jsonrpc: "2.0", ...frame }));
  }

  raw(data: string): void {
    this.#socket.onmessage?.({ data } as MessageEvent);
  }

  notify(method: string, params: object): void {
    this.send({ method, params });
  }

  /** Ends the connection from the server's side; 1006 is a line that broke. */
  close(code: number, reason = ""): void {
    this.#socket.readyState = 3;
    this.#socket.onclose?.({ code, reason } as CloseEvent);
  }

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  last(method: string): Request | undefined {
    return this.requests.findLast((request) => request.method === method);
  }
}

export class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readyState = 0;
  #connection: Connection | undefined;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    const server = FakeServer.current;
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      if (!server.reachable) {
        this.readyState = 3;
        this.onclose?.({ code: 1006, reason: "" } as CloseEvent);
        return;
      }
      this.readyState = 1;
      this.#connection = new Connection(this, server);
      server.connections.push(this.#connection);
      this.onopen?.();
    });
  }

  send(text: string): void {
    if (this.readyState === 1) this.#connection?.receive(text);
  }

  close(code: number, reason: string): void {
    this.readyState = 2;
    if (this.#connection) this.#connection.closedByClient = { code, reason };
  }
}

/** A server to talk to: answers `connect`, `join` and the rest as a real one in its simplest case; tests replace single answers. */
export class FakeServer {
  static current: FakeServer;
  readonly connections: Connection[] = [];
  reachable = true;
  /** Takes everything, answers nothing. */
  mute = false;
  resumable = true;
  welcomes = 0;
  readonly answers: Record<string, (request: Request, connection: Connection) => Answer> = {};
  room: JoinResult["room"] = { name: "lounge", version: 1, createdAt: 1, limit: 50, participants: [] };
  /** What `connect` lists. */
  calls: Call[] = [];
  self: Participant = participant("p-self", { name: "Ann", user: "u-ann", csrc: 1 });

  constructor() {
    FakeServer.current = this;
    vi.stubGlobal("WebSocket", FakeSocket);
    this.room = { ...this.room, participants: [this.self] };
  }

  get connection(): Connection {
    const last = this.connections.at(-1);
    if (!last) throw new Error("nobody has connected");
    return last;
  }

  answer(request: Request, connection: Connection): Answer {
    const special = this.answers[request.method];
    if (special) return special(request, connection);
    switch (request.method) {
      case "connect":
        return { result: this.welcome(request.params["resume"] !== undefined && this.resumable) };
      case "join":
        return { result: this.joined(request) };
      case "negotiate":
        return { result: { answer: "answer", slots: [] } };
      case "history":
        return { result: { messages: [] } };
      case "whisper":
        return { result: { id: "w1", time: 1, status: "delivered" } };
      case "update":
        return { result: { participant: this.self } };
      case "ping":
        return { result: { time: 1 } };
      default:
        return { result: {} };
    }
  }

  welcome(resumed: boolean): ConnectResult {
    const n = ++this.welcomes;
    return {
      session: `s${n}`, user: { id: this.self.user, name: this.self.name }, resume: `resume-${n}`, resumed, serverTime: 1, node: "n", iceServers: [], calls: this.calls,
      limits: { text: 4000, attributes: 1024, slots: 10, ratePerSecond: 20 },
    };
  }

  joined(request: Request): JoinResult {
    const answer = request.params["offer"] === undefined ? {} : { answer: "answer" };
    return { room: this.room, participant: this.self, slots: [], ...answer };
  }
}

export function participant(id: string, more: Partial<Participant> = {}): Participant {
  return {
    id, user: `u-${id}`, name: id, csrc: 100, role: "speaker", muted: false, hand: false, camera: false, screen: false, state: "active",
    joinedAt: 1, attributes: {}, ...more,
  };
}

/** Lets everything that is due now happen. */
export async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

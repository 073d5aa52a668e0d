import { once } from "node:events";
import { connect, createServer, type Server as TCPServer, type Socket } from "node:net";
import { freePorts } from "./ports.ts";

/**
 * A TCP proxy in front of the server's HTTP port: the network that can be cut. Media do not pass through it.
 */
export class Proxy {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(
    private readonly listener: TCPServer,
    readonly port: number,
  ) {}

  static async start(target: number): Promise<Proxy> {
    const listener = createServer();
    const port = await freePorts(1);
    const proxy = new Proxy(listener, port);
    listener.on("connection", (near) => proxy.pass(near, target));
    const listening = once(listener, "listening");
    listener.listen(port, "127.0.0.1");
    await listening;
    return proxy;
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  private pass(near: Socket, target: number): void {
    if (this.isCut) {
      near.destroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Breaks all connections without a WebSocket close frame, and refuses new ones. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.isCut = false;
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.listener, "close");
    this.listener.close();
    await closed;
  }
}

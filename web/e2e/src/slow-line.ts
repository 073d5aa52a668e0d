import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import type { BrowserContext } from "@playwright/test";
import { Bottleneck, type Conditions, type Tally, UNSHAPED } from "./bottleneck.ts";

/** IPv4 and UDP, which count for the line as well. */
const HEADERS = 28;

/** What waits to arrive at the other end. */
interface Travelling {
  arrival: number;
  deliver: () => void;
}

/** One direction: packets that are on their way, in order of arrival. */
class Direction {
  private readonly travelling: Travelling[] = [];
  private timer: NodeJS.Timeout | undefined;
  bottleneck = new Bottleneck(UNSHAPED);

  send(bytes: number, deliver: () => void): void {
    const arrival = this.bottleneck.arrival(performance.now(), bytes + HEADERS);
    if (arrival === undefined) return;
    // After a change of conditions too, nothing overtakes.
    this.travelling.push({ arrival: Math.max(arrival, this.travelling.at(-1)?.arrival ?? 0), deliver });
    this.timer ??= this.wait();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.travelling.length = 0;
  }

  private wait(): NodeJS.Timeout {
    return setTimeout(() => this.arrive(), Math.max(0, this.travelling[0]!.arrival - performance.now()));
  }

  private arrive(): void {
    const now = performance.now();
    while (this.travelling.length > 0 && this.travelling[0]!.arrival <= now) this.travelling.shift()!.deliver();
    this.timer = this.travelling.length > 0 ? this.wait() : undefined;
  }
}

/**
 * The line between the pages of one browser context and a server's media ports: their datagrams pass through here, at the rate and with the loss and delay that it has in each direction.
 * It is as exact as Node's timers, a millisecond, and needs neither privileges nor a kernel that has netem.
 */
export class SlowLine {
  private readonly down = new Direction();
  private readonly up = new Direction();
  private readonly near: Socket[] = [];
  /** The sockets towards the server, by the page's address. */
  private readonly far = new Map<string, Socket>();

  private constructor() {}

  /** A line to these media ports, unshaped. Must be called before the context's pages are opened. */
  static async between(context: BrowserContext, mediaPorts: readonly number[]): Promise<SlowLine> {
    const line = new SlowLine();
    const ports = await Promise.all(mediaPorts.map(async (port) => [port, await line.listen(port)] as const));
    await context.addInitScript(passThrough, Object.fromEntries(ports));
    return line;
  }

  /** What it is like from now on. */
  shape({ down = UNSHAPED, up = UNSHAPED }: { down?: Conditions; up?: Conditions }): void {
    this.down.bottleneck = new Bottleneck(down);
    this.up.bottleneck = new Bottleneck(up);
  }

  /** Since it was last shaped. */
  get tally(): { down: Tally; up: Tally } {
    return { down: this.down.bottleneck.tally, up: this.up.bottleneck.tally };
  }

  async stop(): Promise<void> {
    this.down.stop();
    this.up.stop();
    await Promise.all(
      [...this.near, ...this.far.values()].map(async (socket) => {
        const closed = once(socket, "close");
        socket.close();
        await closed;
      }),
    );
  }

  private async listen(mediaPort: number): Promise<number> {
    const near = createSocket("udp4");
    this.near.push(near);
    near.on("message", (datagram, from) => {
      const far = this.towards(mediaPort, near, from);
      this.up.send(datagram.length, () => far.send(datagram, mediaPort, "127.0.0.1"));
    });
    const listening = once(near, "listening");
    near.bind(0, "127.0.0.1");
    await listening;
    return near.address().port;
  }

  private towards(mediaPort: number, near: Socket, page: RemoteInfo): Socket {
    const key = `${mediaPort} ${page.port}`;
    let far = this.far.get(key);
    if (!far) {
      far = createSocket("udp4");
      far.on("message", (datagram) => this.down.send(datagram.length, () => near.send(datagram, page.port, page.address)));
      this.far.set(key, far);
    }
    return far;
  }
}

/** Runs in the page, as text: leads its connections through the line, by writing other ports into the server's candidates. */
function passThrough(ports: Record<string, number>): void {
  type Set = (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
  const setRemoteDescription = RTCPeerConnection.prototype.setRemoteDescription as Set;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const lines = (description.sdp ?? "").split("\r\n").flatMap((line) => {
      if (!line.startsWith("a=candidate:")) return [line];
      const fields = line.split(" "); // foundation, component, transport, priority, address, port, ...
      const port = ports[fields[5]!];
      if (fields[2]!.toLowerCase() !== "udp" || port === undefined) return []; // nothing goes around it
      fields[4] = "127.0.0.1";
      fields[5] = String(port);
      return [fields.join(" ")];
    });
    return setRemoteDescription.call(this, { ...description, type: description.type, sdp: lines.join("\r\n") });
  };
}

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below what Linux gives to outgoing connections (32768 and up), so that no other program comes in between. */
const RANGE = { first: 20_000, count: 12_000 };

const taken = new Set<number>();

async function tcpIsFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, "listening");
    server.listen(port, "0.0.0.0");
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function udpIsFree(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  try {
    const listening = once(socket, "listening");
    socket.bind(port, "0.0.0.0");
    await listening;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

/** Finds consecutive ports that are free for UDP and TCP, gives the first, and gives none of them again. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = RANGE.first + Math.floor(Math.random() * (RANGE.count - count));
    const ports = Array.from({ length: count }, (_, i) => first + i);
    if (ports.some((port) => taken.has(port))) continue;
    const free = await Promise.all(ports.map(async (port) => (await tcpIsFree(port)) && (await udpIsFree(port))));
    if (!free.every(Boolean)) continue;
    ports.forEach((port) => taken.add(port));
    return first;
  }
}

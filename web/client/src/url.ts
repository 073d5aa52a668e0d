const PATH = "/v1/signal";

/** Where the signalling is: `url` may be the server's page, or the WebSocket itself; without it, where this page came from. */
export function signalUrl(url?: string): string {
  const base = typeof location === "undefined" ? undefined : location.origin;
  const target = new URL(url ?? PATH, base);
  target.protocol = target.protocol.replace(/^http/, "ws");
  if (target.pathname === "/") target.pathname = PATH;
  return target.href;
}

/**
 * - `online`, `offline`: the system has a network again, or has none
 * - `network`: it is another network now
 * - `visible`: the page was brought to the front
 * - `awake`: time has jumped; the machine slept or the page was frozen
 */
export type Hint = "online" | "offline" | "network" | "visible" | "awake";

const TICK = 2_000;
const JUMP = 5_000;

/** Network Information API, of Chromium's; `type` on phones only. */
type Connection = EventTarget & { type?: string };

/** Tells of what may have broken the connection, or may let it succeed now. Returns how to stop. */
export function watchEnvironment(hint: (hint: Hint) => void): () => void {
  const stops: (() => void)[] = [];
  const listen = (target: EventTarget | undefined, event: string, handler: () => void) => {
    target?.addEventListener(event, handler);
    stops.push(() => target?.removeEventListener(event, handler));
  };

  const page = typeof window === "undefined" ? undefined : window;
  listen(page, "online", () => hint("online"));
  listen(page, "offline", () => hint("offline"));
  listen(page?.document, "visibilitychange", () => {
    if (page?.document.visibilityState === "visible") hint("visible");
  });
  const connection = (page?.navigator as { connection?: Connection } | undefined)?.connection;
  let type = connection?.type;
  // It also changes with each new estimate of the bandwidth, which says nothing.
  listen(connection, "change", () => {
    if (connection?.type === type) return;
    type = connection?.type;
    hint("network");
  });

  // Date, not performance.now(): the latter stands still during sleep on some systems.
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > TICK + JUMP) hint("awake");
    last = now;
  }, TICK);
  stops.push(() => clearInterval(timer));

  return () => stops.forEach((stop) => stop());
}

/** Calls `leave` when the page goes away for good: closed, or gone elsewhere. Returns how to stop. */
export function onPageGone(leave: () => void): () => void {
  if (typeof window === "undefined") return () => {};
  // A page kept in the back/forward cache (persisted) may come back, and reconnects then.
  const handler = (event: PageTransitionEvent) => {
    if (!event.persisted) leave();
  };
  window.addEventListener("pagehide", handler);
  return () => window.removeEventListener("pagehide", handler);
}

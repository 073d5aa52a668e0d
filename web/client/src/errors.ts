/**
 * What went wrong, from the server or on the way to it.
 *
 * `reason` is stable and made for programs: the server's (`invalid`, `unauthorized`, `forbidden`, `not_found`,
 * `conflict`, `too_large`, `rate_limited`, `unavailable`, `room_full`, …) or, with code 0, the client's own:
 * `unreachable` (no connection could be made), `disconnected` (it broke meanwhile), `timeout` (no answer),
 * `closed` (the client was closed or has left), `unsupported` (this browser cannot do it).
 */
export class HubbubError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly data: Record<string, unknown>;

  constructor(code: number, reason: string, message: string, data: Record<string, unknown> = {}) {
    super(message);
    this.name = "HubbubError";
    this.code = code;
    this.reason = reason;
    this.data = data;
  }

  /** Milliseconds after which the server will take a repeat, if it said so. */
  get retryAfter(): number | undefined {
    const after = this.data["retryAfter"];
    return typeof after === "number" && after >= 0 ? after : undefined;
  }

  /** Whether the line failed, not the request: asking again on a new connection makes sense. */
  get isConnectionLoss(): boolean {
    return this.code === 0 && ["unreachable", "disconnected", "timeout"].includes(this.reason);
  }
}

/** Makes a `HubbubError` of anything thrown. */
export function toHubbubError(cause: unknown): HubbubError {
  if (cause instanceof HubbubError) return cause;
  const error = new HubbubError(0, "failed", cause instanceof Error ? cause.message : String(cause));
  error.cause = cause;
  return error;
}

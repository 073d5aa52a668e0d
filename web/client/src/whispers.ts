import { newNonce } from "./nonce.js";
import type { Link } from "./link.js";
import type { Whisper, WhisperReceipt } from "./protocol.js";
import type { RequestOptions } from "./session.js";

/** How many ids are remembered; the server keeps at most 1,000 that wait. */
const REMEMBERED = 2_000;

/**
 * Whispers, both ways. The server delivers at least once; the ids seen make it exactly once for as long as the page lives.
 */
export class Whispers {
  readonly #request: <T>(method: string, params: object, options: RequestOptions) => Promise<T>;
  readonly #received: (whisper: Whisper) => void;
  readonly #seen = new Set<string>();

  constructor(
    request: <T>(method: string, params: object, options: RequestOptions) => Promise<T>,
    received: (whisper: Whisper) => void,
  ) {
    this.#request = request;
    this.#received = received;
  }

  /** The nonce makes repeating safe: the server sends it once. */
  send(to: string, text: string): Promise<WhisperReceipt> {
    return this.#request<WhisperReceipt>("whisper", { to, text, nonce: newNonce() }, { repeat: true });
  }

  receive(link: Link, whisper: Whisper): void {
    // Each time: when it comes again, the last acknowledgement was lost.
    link.notify("ack", { whisper: whisper.id });
    if (this.#seen.has(whisper.id)) return;
    this.#seen.add(whisper.id);
    if (this.#seen.size > REMEMBERED) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    this.#received(whisper);
  }
}

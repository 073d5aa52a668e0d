import type { Participant, QualityScore } from "@hubbub/client";

/** Of a participant's attributes, those that this page understands and publishes. */
export interface Published {
  quality: QualityScore | "unknown";
  deafened: boolean;
}

const scores: readonly string[] = ["good", "fair", "poor", "lost"] satisfies QualityScore[];

export function publishedBy(person: Participant): Published {
  const { quality = "", deafened } = person.attributes;
  return { quality: scores.includes(quality) ? (quality as QualityScore) : "unknown", deafened: deafened === "yes" };
}

const settle = 5000;

/**
 * Tells the others one's own connection quality and whether one hears them. A quality is told once it has stood for five
 * seconds: a room of fifty is not to be told of each flicker.
 */
export class Publisher {
  readonly #send: (attributes: Record<string, string>) => void;
  #told = "";
  #quality: QualityScore | undefined;
  #deafened = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: QualityScore | undefined;

  constructor(send: (attributes: Record<string, string>) => void) {
    this.#send = send;
  }

  quality(score: QualityScore): void {
    if (score === this.#waiting) return;
    clearTimeout(this.#timer);
    this.#waiting = score;
    this.#timer = setTimeout(() => {
      this.#quality = score;
      this.#publish();
    }, settle);
  }

  deafened(deafened: boolean): void {
    this.#deafened = deafened;
    this.#publish();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #publish(): void {
    const attributes: Record<string, string> = {};
    if (this.#quality) attributes["quality"] = this.#quality;
    if (this.#deafened) attributes["deafened"] = "yes";
    const telling = JSON.stringify(attributes);
    if (telling === this.#told) return;
    this.#told = telling;
    this.#send(attributes);
  }
}

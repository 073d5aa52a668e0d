const pause = 2500;

/**
 * What a screen reader is told, politely: news is gathered and said every few seconds at most, and who speaks only when nothing
 * else is to be said and it has changed.
 */
export class Announcer {
  text = $state("");
  #news: string[] = [];
  #speaking = "";
  #said = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(news: string): void {
    this.#news.push(news);
    this.#schedule(200);
  }

  /** A sentence about who speaks, or "" when nobody does, which is not worth saying. */
  speaking(sentence: string): void {
    this.#speaking = sentence;
    if (sentence !== "" && sentence !== this.#said) this.#schedule(pause);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #schedule(after: number): void {
    this.#timer ??= setTimeout(() => this.#flush(), after);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#news.length > 0) {
      // A crowd coming in is one sentence, not fifty.
      this.text = this.#news.slice(-4).join(". ");
      this.#news = [];
      this.#schedule(pause);
    } else if (this.#speaking !== "" && this.#speaking !== this.#said) {
      this.text = this.#said = this.#speaking;
      this.#schedule(pause);
    }
  }
}

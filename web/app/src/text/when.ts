/** How to write times for people, in one language. */
export class When {
  readonly #clock: Intl.DateTimeFormat;
  readonly #exact: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #relative: Intl.RelativeTimeFormat;

  constructor(locale: string) {
    this.#clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
    this.#exact = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
    this.#day = new Intl.DateTimeFormat(locale, { weekday: "long", month: "long", day: "numeric" });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  }

  /** The full date and time, for who looks closer. */
  exact(time: number): string {
    return this.#exact.format(time);
  }

  /** "now", "5 min. ago" within the hour, then the time of day. */
  short(time: number, now: number): string {
    const seconds = Math.round((now - time) / 1000);
    if (seconds < 45) return this.#relative.format(0, "second");
    if (seconds < 3600) return this.#relative.format(-Math.max(1, Math.round(seconds / 60)), "minute");
    return this.#clock.format(time);
  }

  /** "today", "yesterday", then the date. */
  day(time: number, now: number): string {
    const days = Math.round((midnight(now) - midnight(time)) / 86_400_000);
    return days <= 1 ? this.#relative.format(-days, "day") : this.#day.format(time);
  }
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

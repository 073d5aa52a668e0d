import { When } from "../text/when";
import { en, type Dictionary } from "./en";
import { zh } from "./zh";

export type Locale = "en" | "zh-CN";

export const dictionaries: Record<Locale, Dictionary> = { en, "zh-CN": zh };

/** The first of the browser's languages that there is a dictionary for. */
export function preferredLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    const primary = language.toLowerCase().split("-")[0];
    if (primary === "zh") return "zh-CN";
    if (primary === "en") return "en";
  }
  return "en";
}

/** The language that the page speaks: texts, times and lists. */
export class Language {
  readonly locale: Locale;
  readonly t: Dictionary;
  readonly when: When;
  readonly #list: Intl.ListFormat;

  constructor(locale: Locale) {
    this.locale = locale;
    this.t = dictionaries[locale];
    this.when = new When(locale);
    this.#list = new Intl.ListFormat(locale, { type: "conjunction" });
  }

  list(items: string[]): string {
    return this.#list.format(items);
  }
}

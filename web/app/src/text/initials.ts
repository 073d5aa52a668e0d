const cjk = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+$/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * One or two characters that stand for a name: first letters of the first and last word; of a Chinese, Japanese or Korean name the
 * last two characters, which are the given name. An emoji counts as one character.
 */
export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/u).filter((word) => word !== "");
  const first = words[0];
  if (!first) return "?";
  if (words.length === 1 && cjk.test(first)) return characters(first).slice(-2).join("");
  const last = words.length > 1 ? words.at(-1)! : "";
  return (head(first) + head(last)).toLocaleUpperCase() || "?";
}

function head(word: string): string {
  return characters(word)[0] ?? "";
}

function characters(word: string): string[] {
  return [...segmenter.segment(word)].map((s) => s.segment);
}

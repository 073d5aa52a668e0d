export type TextPart = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

const candidate = /\b(?:https?:\/\/|www\.)[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/giu;
const trailing = /[.,;:!?*_~…]+$/u;

/**
 * Splits a text into plain parts and links. Only http and https become links (never `javascript:` and the like); punctuation that
 * ends a sentence, and a closing bracket without its opening one, stay outside, as does Chinese punctuation.
 */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let done = 0;
  for (const match of text.matchAll(candidate)) {
    const shown = trim(match[0]);
    const href = toHref(shown);
    if (!href) continue;
    if (match.index > done) parts.push({ kind: "text", text: text.slice(done, match.index) });
    parts.push({ kind: "link", text: shown, href });
    done = match.index + shown.length;
  }
  if (done < text.length) parts.push({ kind: "text", text: text.slice(done) });
  return parts;
}

function trim(url: string): string {
  for (;;) {
    const cut = url.replace(trailing, "");
    const last = cut.at(-1);
    const unopened =
      (last === ")" && count(cut, ")") > count(cut, "(")) || (last === "]" && count(cut, "]") > count(cut, "["));
    const next = unopened ? cut.slice(0, -1) : cut;
    if (next === url) return url;
    url = next;
  }
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function toHref(shown: string): string | undefined {
  const full = /^https?:/i.test(shown) ? shown : `https://${shown}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  return url.hostname.includes(".") || url.hostname === "localhost" || url.port ? url.href : undefined;
}

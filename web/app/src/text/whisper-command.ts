/** Someone who can be whispered to. */
export interface Addressee {
  user: string;
  name: string;
}

export type WhisperCommand =
  /** Not a `/w` at all: an ordinary message. */
  | { kind: "none" }
  /** A `/w` whose name is still being typed, or fits several: who may be meant, best first. */
  | { kind: "naming"; typed: string; candidates: Addressee[] }
  /** A name and what follows it; `text` may be empty still. */
  | { kind: "whisper"; to: Addressee; text: string };

const command = /^\/(?:w|whisper|msg)(?:\s+|$)/iu;

/**
 * Understands `/w name text`. Names may hold spaces: the longest name of `people` that the input begins with is taken, or what stands
 * in quotation marks. Two people of one name are never guessed between.
 */
export function parseWhisper(input: string, people: readonly Addressee[]): WhisperCommand {
  const start = command.exec(input);
  if (!start) return { kind: "none" };
  const rest = input.slice(start[0].length);

  const quoted = /^["“”'‘’](.+?)["“”'‘’](?:\s+|$)/u.exec(rest);
  if (quoted) {
    const named = people.filter((p) => fold(p.name) === fold(quoted[1]!));
    if (named.length === 1) return { kind: "whisper", to: named[0]!, text: rest.slice(quoted[0].length) };
    return { kind: "naming", typed: quoted[1]!, candidates: named.length > 0 ? named : suggest(quoted[1]!, people) };
  }

  const fitting = people
    .filter((p) => startsWithName(rest, p.name))
    .sort((a, b) => b.name.length - a.name.length);
  const best = fitting[0];
  if (best) {
    const same = fitting.filter((p) => fold(p.name) === fold(best.name));
    const text = rest.slice(best.name.length).replace(/^\s+/u, "");
    if (same.length > 1) return { kind: "naming", typed: best.name, candidates: same };
    // While nothing follows the name yet, it may be the beginning of a longer one.
    const longer = people.filter((p) => p !== best && fold(p.name).startsWith(fold(rest)));
    if (text === "" && longer.length > 0 && !/\s$/u.test(rest)) return { kind: "naming", typed: rest, candidates: [best, ...longer] };
    return { kind: "whisper", to: best, text };
  }
  return { kind: "naming", typed: rest, candidates: suggest(rest, people) };
}

/** Whose name begins with what was typed, then those who have a later word that does. */
export function suggest(typed: string, people: readonly Addressee[]): Addressee[] {
  const wanted = fold(typed.replace(/^["“”'‘’]/u, "").trim());
  const first = people.filter((p) => fold(p.name).startsWith(wanted));
  const later = people.filter(
    (p) => !first.includes(p) && fold(p.name).split(/\s+/u).some((word) => wanted !== "" && word.startsWith(wanted)),
  );
  return [...first, ...later];
}

function startsWithName(rest: string, name: string): boolean {
  if (!fold(rest).startsWith(fold(name)) || name === "") return false;
  const next = rest.slice(name.length);
  return next === "" || /^\s/u.test(next);
}

/** Letter case does not matter in names. Lengths are kept, so that what follows a name can be cut off. */
function fold(text: string): string {
  return [...text].map((c) => (c.toLowerCase().length === c.length ? c.toLowerCase() : c)).join("");
}

const outside = /[^\p{L}\p{N}\-_.:]+/gu;
const longest = 64;

/** What people type becomes a name that the server takes (letters, digits, `-`, `_`, `.`, `:`; at most 64): "Tea time!" → "Tea-time". */
export function toRoomName(typed: string): string {
  const name = typed.normalize("NFC").trim().replace(/\s+/gu, "-").replace(outside, "").replace(/-{2,}/gu, "-");
  return [...name].slice(0, longest).join("").replace(/^-+|-+$/gu, "");
}

/** The room that an address names, or "" for the plain lobby. */
export function roomFromPath(path: string): string {
  const match = /^\/r\/([^/]+)\/?$/u.exec(path);
  if (!match) return "";
  try {
    return toRoomName(decodeURIComponent(match[1]!));
  } catch {
    return "";
  }
}

export function pathOfRoom(name: string): string {
  return name === "" ? "/" : `/r/${encodeURIComponent(name).replaceAll("%3A", ":")}`;
}

const moods = [
  "amber", "brisk", "calm", "copper", "cosy", "dusky", "early", "easy", "gentle", "golden", "honey", "humming",
  "kind", "late", "lively", "maple", "mellow", "merry", "mossy", "quiet", "rosy", "sunny", "velvet", "warm",
];
const places = [
  "alcove", "arcade", "attic", "balcony", "bench", "campfire", "courtyard", "den", "doorway", "gallery", "garden", "hearth",
  "kitchen", "lantern", "loft", "nook", "orchard", "parlour", "porch", "snug", "stove", "teahouse", "terrace", "veranda",
];

/** A friendly name that is easy to say aloud and unlikely to be taken: "mellow-veranda-42". */
export function suggestRoomName(random: () => number = Math.random): string {
  const pick = (words: string[]) => words[Math.floor(random() * words.length)]!;
  return `${pick(moods)}-${pick(places)}-${10 + Math.floor(random() * 90)}`;
}

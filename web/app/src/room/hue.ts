/** Twelve hues (degrees in OKLCH) that stay apart from each other at the lightness tiles are drawn with. */
export const hues = [28, 52, 74, 98, 128, 158, 188, 220, 252, 288, 324, 356] as const;

/** A person's colour: the same wherever they are seen, since it comes from the user id (FNV-1a). */
export function hueOf(user: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < user.length; i++) hash = Math.imul(hash ^ user.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  return hues[(hash >>> 0) % hues.length]!;
}

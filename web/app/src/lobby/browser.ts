/** Which browser's way of allowing a microphone is to be explained. */
export type BrowserAtHand = "chromium" | "firefox" | "safari" | "ios" | "android" | "other";

export function browserAtHand(userAgent: string, touchPoints: number): BrowserAtHand {
  // Every browser on iOS asks through the system's settings; an iPad says it is a Mac, but Macs have no touch screen.
  if (/iPhone|iPad|iPod/u.test(userAgent) || (/Macintosh/u.test(userAgent) && touchPoints > 1)) return "ios";
  if (/Android/u.test(userAgent)) return /Firefox/u.test(userAgent) ? "other" : "android";
  if (/Firefox\//u.test(userAgent)) return "firefox";
  if (/Chrom(?:e|ium)\//u.test(userAgent)) return "chromium";
  if (/Safari\//u.test(userAgent)) return "safari";
  return "other";
}

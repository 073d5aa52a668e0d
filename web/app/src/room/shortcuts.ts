/** What a key does in the room. */
export type KeyAction = "mute" | "camera" | "screen" | "hand" | "deafen" | "chat" | "fullscreen" | "settings" | "shortcuts" | "push";

const keys: Record<string, KeyAction> = {
  m: "mute", v: "camera", s: "screen", h: "hand", d: "deafen", c: "chat", f: "fullscreen", ",": "settings", "?": "shortcuts", " ": "push",
};

interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing: boolean;
  repeat: boolean;
}

/** Single keys act only when nothing is being written, and never together with Ctrl, Alt or Meta, which belong to the browser. */
export function actionOf(pressed: Pressed): KeyAction | undefined {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.isComposing || pressed.repeat) return undefined;
  return keys[pressed.key.toLowerCase()];
}

const inert = ["button", "checkbox", "radio", "range", "submit", "reset"];

export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !inert.includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/**
 * Whether Space means this element and not the voice: a button that the keyboard has brought the focus to. One that was clicked keeps
 * the focus too, but nobody who then holds Space wants to click it again.
 */
export function wantsSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("button, a, input, summary, [tabindex]") && target.matches(":focus-visible");
}

import { corners, type Corner } from "../calls/corner";
import type { Locale } from "../i18n/language";

export type JoinAs = "talk" | "muted" | "listen";
export type TalkMode = "open" | "push";
export type Theme = "auto" | "light" | "dark";

const key = "hubbub.preferences";

/** What the page remembers of a person, in this browser only. Saved whenever it changes. */
export class Preferences {
  name = $state("");
  locale = $state<"auto" | Locale>("auto");
  theme = $state<Theme>("auto");
  /** Device ids; empty for the system's default. */
  microphone = $state("");
  speaker = $state("");
  camera = $state("");
  joinAs = $state<JoinAs>("talk");
  talkMode = $state<TalkMode>("open");
  sounds = $state(true);
  /** On wide screens, where the chat stands beside the room. */
  chatOpen = $state(true);
  /** Whether others may call while this page is open, and see that it is. */
  reachable = $state(false);
  /** Where the small pictures of a call rest. */
  corner = $state<Corner>("bottom-right");

  constructor() {
    const saved = read();
    if (typeof saved.name === "string") this.name = saved.name;
    this.locale = oneOf(saved.locale, ["auto", "en", "zh-CN"]);
    this.theme = oneOf(saved.theme, ["auto", "light", "dark"]);
    if (typeof saved.microphone === "string") this.microphone = saved.microphone;
    if (typeof saved.speaker === "string") this.speaker = saved.speaker;
    if (typeof saved.camera === "string") this.camera = saved.camera;
    this.joinAs = oneOf(saved.joinAs, ["talk", "muted", "listen"]);
    this.talkMode = oneOf(saved.talkMode, ["open", "push"]);
    this.sounds = saved.sounds !== false;
    this.chatOpen = saved.chatOpen !== false;
    this.reachable = saved.reachable === true;
    this.corner = corners.find((corner) => corner === saved.corner) ?? "bottom-right";
  }

  /** To be called from an effect: what it reads is what makes it run again. */
  save(): void {
    const { name, locale, theme, microphone, speaker, camera, joinAs, talkMode, sounds, chatOpen, reachable, corner } = this;
    const text = JSON.stringify({ name, locale, theme, microphone, speaker, camera, joinAs, talkMode, sounds, chatOpen, reachable, corner });
    try {
      localStorage.setItem(key, text);
    } catch {
      // Storage is full or forbidden: the page works without.
    }
  }
}

function read(): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function oneOf<const T extends string>(value: unknown, choices: readonly [T, ...T[]]): T {
  return choices.find((choice) => choice === value) ?? choices[0];
}

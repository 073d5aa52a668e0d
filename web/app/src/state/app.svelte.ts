import { Client, HubbubError, type RoomLeftReason, type Whisper } from "@hubbub/client";
import { getContext, setContext } from "svelte";
import { Language, preferredLocale } from "../i18n/language";
import { pathOfRoom, roomFromPath, suggestRoomName, toRoomName } from "../text/room-name";
import type { VoiceClient } from "./connection";
import { Devices } from "./devices.svelte";
import { Microphone } from "./microphone.svelte";
import { Preferences } from "./preferences.svelte";
import { Session } from "./session.svelte";
import { Toasts } from "./toasts.svelte";

/** Why a stay is over, as the page has words for. */
export type EndReason =
  | "left" | "removed" | "banned" | "replaced" | "room_full" | "forbidden" | "unauthorized" | "flooding" | "unavailable" | "error";

export type Dialog = "settings" | "shortcuts" | "microphone";

/** The page's root: there is one, made in main.ts and found with `useApp()`. */
export class App {
  readonly preferences = new Preferences();
  readonly devices = new Devices();
  readonly microphone = new Microphone();
  readonly toasts = new Toasts();
  language = $derived(new Language(this.preferences.locale === "auto" ? preferredLocale(navigator.languages) : this.preferences.locale));
  /** What stands in the lobby's field; the address names it if it can. */
  room = $state(roomFromPath(location.pathname) || suggestRoomName());
  /** Whether one came by a link that names the room. */
  invited = $state(roomFromPath(location.pathname) !== "");
  joining = $state(false);
  /** Why joining did not work, in words, for what can be mended in the lobby. */
  lobbyError = $state("");
  session = $state.raw<Session | null>(null);
  ended = $state.raw<{ reason: EndReason; room: string } | null>(null);
  dialog = $state<Dialog | null>(null);
  /** On narrow screens, where the chat covers the people. */
  drawer = $state(false);

  readonly #connect: (name: string) => VoiceClient;

  constructor(connect: (name: string) => VoiceClient = (name) => new Client({ name, client: { name: "hubbub-app", version: "1" } })) {
    this.#connect = connect;
  }

  /** From the lobby, and from "come in again". */
  async join(withoutMicrophone = false): Promise<void> {
    const { t } = this.language;
    const name = [...this.preferences.name.trim()].slice(0, 64).join("");
    const room = toRoomName(this.room);
    this.lobbyError = name === "" ? t.lobby.nameMissing : room === "" ? t.lobby.roomMissing : "";
    if (this.lobbyError || this.joining) return;
    this.preferences.name = name;
    this.room = room;
    this.joining = true;
    try {
      const listening = withoutMicrophone || this.preferences.joinAs === "listen";
      if (listening) this.microphone.close();
      else if (!this.microphone.track && !(await this.microphone.open(this.preferences.microphone))) return;
      await this.#enter(name, room);
    } finally {
      this.joining = false;
    }
  }

  async #enter(name: string, roomName: string): Promise<void> {
    const client = this.#connect(name);
    const track = this.microphone.track;
    // What was whispered while one was away comes before there is a session.
    const waiting: Whisper[] = [];
    const stopWaiting = client.on("whisper", (whisper) => waiting.push(whisper));
    const muted = !track || this.preferences.joinAs === "muted" || this.preferences.talkMode === "push";
    try {
      const room = await client.join(roomName, { muted, ...(track && { microphone: track }) });
      this.ended = null;
      const session = new Session(this, client, room);
      stopWaiting();
      for (const whisper of waiting) session.chat.receive(whisper);
      this.session = session;
      this.#show(pathOfRoom(roomName));
      void this.devices.refresh();
    } catch (error) {
      await client.close().catch(() => {});
      const reason = error instanceof HubbubError ? error.reason : "error";
      if (reason === "invalid" && error instanceof Error) this.lobbyError = error.message;
      else this.#finish(endReason(reason), roomName);
    }
  }

  /** From a page that says a stay is over: into the same room once more. */
  async rejoin(room: string): Promise<void> {
    this.room = room;
    await this.join();
    // Without a name or a microphone there is something to be mended in the lobby.
    if (!this.session && (this.lobbyError || this.microphone.trouble)) this.ended = null;
  }

  /** The room is over, by what the server said. */
  end(reason: RoomLeftReason): void {
    const session = this.session;
    if (!session) return;
    session.close();
    this.#finish(endReason(reason), session.name);
  }

  async leave(): Promise<void> {
    const session = this.session;
    if (!session) return;
    this.#finish("left", session.name);
    await session.leave();
  }

  /** The chat stands beside the people where there is room, and over them where there is not. */
  toggleChat(wide: boolean): void {
    if (wide) this.preferences.chatOpen = !this.preferences.chatOpen;
    else this.drawer = !this.drawer;
  }

  openChat(): void {
    this.preferences.chatOpen = this.drawer = true;
  }

  /** Back to the lobby, to another room. */
  goHome(): void {
    this.ended = null;
    this.invited = false;
    this.room = suggestRoomName();
    this.#show("/");
  }

  /** The browser's back and forward buttons. */
  async followAddress(): Promise<void> {
    const room = roomFromPath(location.pathname);
    if (this.session && room !== this.session.name) {
      const session = this.session;
      this.session = null;
      this.microphone.close();
      void session.leave();
    }
    this.ended = null;
    this.invited = room !== "";
    if (room) this.room = room;
  }

  #finish(reason: EndReason, room: string): void {
    this.session = null;
    this.dialog = null;
    this.drawer = false;
    this.microphone.close();
    this.ended = { reason, room };
  }

  #show(path: string): void {
    if (location.pathname !== path) history.pushState(null, "", path + location.search);
  }
}

function endReason(reason: string): EndReason {
  switch (reason) {
    case "left": case "removed": case "banned": case "replaced": case "room_full": case "forbidden": case "unauthorized": case "flooding":
      return reason;
    case "unavailable": case "unreachable": case "disconnected": case "timeout": case "closed":
      return "unavailable";
    default:
      return "error";
  }
}

const key = Symbol("app");

export function provideApp(app: App): void {
  setContext(key, app);
}

/** To be called while a component is being made. */
export function useApp(): App {
  return getContext<App>(key);
}

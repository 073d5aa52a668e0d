import { Client, HubbubError, type Call, type RoomLeftReason } from "@hubbub/client";
import { getContext, setContext } from "svelte";
import { Language, preferredLocale } from "../i18n/language";
import { pathOfRoom, roomFromPath, suggestRoomName, toRoomName } from "../text/room-name";
import { takeToken } from "../text/access-token";
import { Calls } from "./calls.svelte";
import { Camera } from "./camera.svelte";
import { Devices } from "./devices.svelte";
import { Line, type Connect } from "./line.svelte";
import { Microphone } from "./microphone.svelte";
import { inCall } from "./pictures.svelte";
import { Preferences } from "./preferences.svelte";
import { Session } from "./session.svelte";
import { Toasts } from "./toasts.svelte";

/** Why a stay is over, as the page has words for. */
export type EndReason =
  | "left" | "removed" | "banned" | "replaced" | "room_full" | "forbidden" | "unauthorized" | "flooding" | "unavailable" | "error";

export type Dialog = "settings" | "shortcuts" | "microphone" | "camera";

/** The page's root: there is one, made in main.ts and found with `useApp()`. */
export class App {
  readonly preferences = new Preferences();
  readonly devices = new Devices();
  readonly microphone = new Microphone();
  readonly camera = new Camera();
  readonly toasts = new Toasts();
  readonly line: Line;
  readonly calls: Calls;
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

  constructor(connect: Connect = connectByToken(takeToken())) {
    this.line = new Line(this, connect);
    this.calls = new Calls(this);
    void this.calls.restore();
  }

  /** Who one is to others, as the server takes it. */
  get name(): string {
    return [...this.preferences.name.trim()].slice(0, 64).join("");
  }

  /** From the lobby, and from "come in again". */
  async join(withoutMicrophone = false): Promise<void> {
    const { t } = this.language;
    const { name } = this;
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
    const client = this.line.open(name);
    const track = this.microphone.track;
    const muted = !track || this.preferences.joinAs === "muted" || this.preferences.talkMode === "push";
    try {
      const room = await client.join(roomName, { muted, ...(track && { microphone: track }) });
      this.ended = null;
      const session = new Session(this, client, room);
      // What was whispered while one was away comes before there is a session.
      for (const whisper of this.line.takeWhispers()) session.chat.receive(whisper);
      this.session = session;
      this.#show(pathOfRoom(roomName));
      void this.devices.refresh();
    } catch (error) {
      if (!this.preferences.reachable) this.line.close();
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
    if (session.call) return this.calls.lost();
    this.#finish(endReason(reason), session.name);
    this.line.release();
  }

  async leave(): Promise<void> {
    const session = this.session;
    if (!session) return;
    this.#finish("left", session.name);
    await session.leave();
    this.line.release();
  }

  /** From wherever one is into the room of a call; a room is left for it. */
  async enterCall(call: Call, muted: boolean): Promise<void> {
    const client = this.line.client;
    if (!client) throw new Error("there is no connection for a call");
    const track = this.microphone.track;
    this.session?.close();
    const silent = muted || !track || this.preferences.talkMode === "push";
    const room = await client.join(call.room, { muted: silent, slots: 2, video: inCall, ...(track && { microphone: track }) });
    if (this.calls.current?.id !== call.id) return void room.leave(); // hung up meanwhile
    this.ended = this.dialog = null;
    this.drawer = false;
    this.session = new Session(this, client, room, call);
    void this.devices.refresh();
  }

  /** Out of a call that is over, to where one was before: the lobby, or the page about a room that one had left. */
  leaveCall(): void {
    const session = this.session;
    this.session = null;
    this.dialog = null;
    this.#letGo();
    if (session) void session.leave();
  }

  /** Lets go of what no call needs any more. */
  settle(): void {
    const { pictures } = this.session ?? {};
    if (!this.calls.busy && !pictures?.camera && !pictures?.turning) this.camera.close();
    if (!this.session && this.ended && !this.calls.busy) this.microphone.close();
    this.line.release();
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
    if (this.session?.call) return; // nobody hangs up by leafing
    if (this.session && room !== this.session.name) {
      const session = this.session;
      this.session = null;
      this.#letGo();
      void session.leave().then(() => this.line.release());
    }
    this.ended = null;
    this.invited = room !== "";
    if (room) this.room = room;
  }

  #finish(reason: EndReason, room: string): void {
    this.session = null;
    this.dialog = null;
    this.drawer = false;
    this.#letGo();
    this.ended = { reason, room };
  }

  #letGo(): void {
    this.microphone.close();
    this.camera.close();
  }

  #show(path: string): void {
    if (location.pathname !== path) history.pushState(null, "", path + location.search);
  }
}

function connectByToken(token: string | undefined): Connect {
  return (name, resume) => new Client({ name, client: { name: "hubbub-app", version: "1" }, ...(token && { token }), ...(resume && { resume }) });
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

import type { User, Whisper } from "@hubbub/client";
import type { App } from "./app.svelte";
import type { VoiceClient } from "./connection";

/** Makes the connection of one user. `resume` is what an earlier page left. */
export type Connect = (name: string, resume?: string) => VoiceClient;

/** The page's connection to the server: always there in a room and in a call, and in the lobby for who wants to be called. */
export class Line {
  client = $state.raw<VoiceClient | null>(null);
  /** As the server knows us; null while not connected for the first time. */
  user = $state.raw<User | null>(null);
  connecting = $state(false);

  readonly #app: App;
  readonly #connect: Connect;
  #name = "";
  #stops: (() => void)[] = [];
  /** What was whispered while there was no chat to show it. */
  #waiting: Whisper[] = [];

  constructor(app: App, connect: Connect) {
    this.#app = app;
    this.#connect = connect;
  }

  /** The connection under this name; another one than before only when the name is another. Its `connect` is the caller's to await. */
  open(name: string, resume?: string): VoiceClient {
    if (this.client && this.#name === name && this.client.state !== "closed") return this.client;
    this.close();
    const client = this.#connect(name, resume);
    this.#name = name;
    this.#stops = [
      client.on("state", () => (this.user = client.user ?? null)),
      client.on("call", (call) => this.#app.calls.receive(call)),
      client.on("whisper", (whisper) => this.#whispered(whisper)),
    ];
    return (this.client = client);
  }

  /** Connects in the lobby, for as long as one wants to be reachable. Failing is no trouble: it is tried again by whoever looks. */
  async reach(): Promise<void> {
    const name = this.#app.name;
    if (name === "" || this.connecting || (this.client && this.#app.calls.busy)) return;
    this.connecting = true;
    try {
      const client = this.open(name);
      await client.connect();
      this.user = client.user ?? null;
    } catch {
      if (!this.#app.session) this.close();
    } finally {
      this.connecting = false;
    }
  }

  /** The name was changed within a room, on the connection itself. */
  renamed(name: string): void {
    this.#name = name;
  }

  /** Whispers that came when there was no chat, once. */
  takeWhispers(): Whisper[] {
    return this.#waiting.splice(0);
  }

  /** Closes it unless somebody needs it. */
  release(): void {
    const { session, joining, preferences, calls } = this.#app;
    if (!session && !joining && !preferences.reachable && !calls.needLine) this.close();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    const client = this.client;
    this.client = this.user = null;
    void client?.close().catch(() => {});
  }

  #whispered(whisper: Whisper): void {
    const { session, joining, toasts, language } = this.#app;
    if (session && !session.call) return; // its chat has it
    this.#waiting = [...this.#waiting.slice(-199), whisper];
    if (!joining) toasts.show(`${language.t.chat.whispersToYou(whisper.from.name)}: ${whisper.text}`);
  }
}

import type { Message, Whisper } from "@hubbub/client";
import { insert, timeline, type Entry } from "../text/timeline";
import type { Addressee } from "../text/whisper-command";
import type { VoiceClient, VoiceRoom } from "./connection";

const page = 50;

/** The texts of one stay in a room: what all can read, what was whispered, and what is on its way. */
export class Chat {
  #messages = $state.raw<readonly Entry[]>([]);
  /** Whispers, and own messages until the room has numbered them. */
  #others = $state.raw<readonly Entry[]>([]);
  #firstUnread = $state<string>();
  unread = $state(0);
  #nothingOlder = $state(false);
  loading = $state(false);
  /** The next text goes to this person alone. */
  target = $state.raw<Addressee | null>(null);
  draft = $state("");
  /** Raised to ask the composer to take the keyboard. */
  focusRequests = $state(0);
  /** Whether new texts are being seen: the panel is open, scrolled down, and the page is in front. */
  #watched = false;

  entries = $derived.by(() => {
    const all = [...this.#messages];
    for (const entry of this.#others) insert(all, entry);
    return all;
  });
  blocks = $derived(timeline(this.entries, this.#firstUnread));

  /** Something new from somebody else, in the open or whispered. */
  onnews: (entry: Entry) => void = () => {};

  readonly #client: VoiceClient;
  readonly #room: VoiceRoom;
  readonly #stops: (() => void)[];
  #keys = 0;

  constructor(client: VoiceClient, room: VoiceRoom) {
    this.#client = client;
    this.#room = room;
    this.#stops = [
      room.on("messages", () => this.#read()),
      room.on("message", (message) => {
        if (message.user.id !== client.user?.id) this.#news(this.#entryOf(message));
      }),
    ];
    this.#read();
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** Whether there is nothing older to load. */
  get atBeginning(): boolean {
    return this.#nothingOlder || this.#messages.length === 0;
  }

  get limit(): number {
    return this.#client.limits?.text ?? 2000;
  }

  /** A whisper came, which may have been sent before we were here. */
  receive(whisper: Whisper): void {
    const entry: Entry = {
      key: whisper.id,
      kind: "whisper",
      user: whisper.from.id,
      name: whisper.from.name,
      own: false,
      peer: { user: whisper.from.id, name: whisper.from.name },
      text: whisper.text,
      time: whisper.time,
      delivery: "delivered",
    };
    this.#others = [...this.#others, entry];
    this.#news(entry);
  }

  /** Sends to everyone, or to one person alone. What fails stays, to be sent again. */
  send(text: string, to: Addressee | null = null): void {
    const self = this.#room.self;
    const entry: Entry = {
      key: `own-${this.#keys++}`,
      kind: to ? "whisper" : "message",
      user: self.user,
      name: self.name,
      own: true,
      ...(to && { peer: { user: to.user, name: to.name } }),
      text,
      time: Date.now(),
      delivery: "sending",
    };
    this.#firstUnread = undefined;
    this.#others = [...this.#others, entry];
    void this.#deliver(entry);
  }

  retry(entry: Entry): void {
    void this.#deliver(this.#change(entry, { delivery: "sending" }));
  }

  whisperTo(person: Addressee): void {
    this.target = { user: person.user, name: person.name };
    this.focusRequests++;
  }

  async loadOlder(): Promise<void> {
    if (this.loading || this.atBeginning) return;
    this.loading = true;
    try {
      const first = this.#room.messages[0]?.seq;
      const older = await this.#room.history({ limit: page, ...(first !== undefined && { before: first }) });
      this.#read();
      this.#nothingOlder = older.length < page;
    } catch {
      // The connection is away; scrolling up again asks again.
    } finally {
      this.loading = false;
    }
  }

  /** The panel says whether new texts are seen as they come. */
  watch(watched: boolean): void {
    this.#watched = watched;
    if (watched) this.unread = 0;
  }

  async #deliver(entry: Entry): Promise<void> {
    try {
      if (entry.peer) {
        const receipt = await this.#client.whisper(entry.peer.user, entry.text);
        this.#change(entry, { delivery: receipt.status });
      } else {
        await this.#room.chat(entry.text);
        this.#others = this.#others.filter((other) => other.key !== entry.key);
        this.#read();
      }
    } catch {
      this.#change(entry, { delivery: "failed" });
    }
  }

  #change(entry: Entry, change: Partial<Entry>): Entry {
    const changed = { ...entry, ...change };
    this.#others = this.#others.map((other) => (other.key === entry.key ? changed : other));
    return changed;
  }

  #read(): void {
    const known = new Map(this.#messages.map((entry) => [entry.key, entry]));
    if (this.#room.messages[0]?.seq === 1) this.#nothingOlder = true;
    this.#messages = this.#room.messages.map((message) => known.get(message.id) ?? this.#entryOf(message));
  }

  #entryOf(message: Message): Entry {
    return {
      key: message.id,
      kind: "message",
      user: message.user.id,
      name: message.user.name,
      own: message.user.id === this.#client.user?.id,
      text: message.text,
      time: message.time,
      delivery: "sent",
    };
  }

  #news(entry: Entry): void {
    if (!this.#watched) {
      if (this.unread === 0) this.#firstUnread = entry.key;
      this.unread++;
    }
    this.onnews(entry);
  }
}

import type { Call, ConnectionQuality, ConnectionState, HubbubError, MediaProblem, MediaState, Participant, QualityScore, Role, RoomLeftReason } from "@hubbub/client";
import { SvelteSet } from "svelte/reactivity";
import { Chimes } from "../audio/chimes";
import { Publisher } from "../room/published";
import { Rings } from "../room/rings";
import { keepAwake } from "../room/wake-lock";
import { Announcer } from "./announcer.svelte";
import type { App } from "./app.svelte";
import { Chat } from "./chat.svelte";
import type { VoiceClient, VoiceRoom } from "./connection";
import { Pictures } from "./pictures.svelte";

/** One stay in one room, as the page sees it: the SDK's state made reactive, and what the controls do. */
export class Session {
  readonly name: string;
  readonly rings: Rings;
  readonly chat: Chat;
  readonly announcer = new Announcer();
  readonly pictures: Pictures;
  connection = $state<ConnectionState>("connected");
  /** While reconnecting: when the next attempt begins, milliseconds since 1970. */
  retryAt = $state<number>();
  media = $state<MediaState>("none");
  mediaProblem = $state<MediaProblem>();
  /** Oneself first, then in order of coming. */
  people = $state.raw<readonly Participant[]>([]);
  self = $state.raw() as Participant;
  muted = $state(false);
  deafened = $state(false);
  hasMicrophone = $state(false);
  /** The last reading of the own connection. */
  reading = $state.raw<ConnectionQuality>();
  playbackBlocked = $state(false);
  /** Talking only while a key or the button is held. */
  pushing = $state(false);
  /** Of those whose sound there is; see `isSpeaking`. */
  readonly speaking = new SvelteSet<string>();
  /** How loud each person is for us, 0 to 1, where it was changed. */
  volumes = $state.raw<Readonly<Record<string, number>>>({});

  readonly #app: App;
  readonly #client: VoiceClient;
  readonly #room: VoiceRoom;
  readonly #chimes = new Chimes();
  readonly #publisher: Publisher;
  readonly #stops: (() => void)[];
  /** Whether we asked to be muted ourselves; else it was a host. */
  #askedMuted: boolean;

  /** `call`: the room is that of a call. */
  constructor(app: App, client: VoiceClient, room: VoiceRoom, readonly call: Call | null = null) {
    this.#app = app;
    this.#client = client;
    this.#room = room;
    this.name = room.name;
    this.rings = new Rings((id) => (id === this.self.id && (this.muted || this.listener) ? 0 : room.level(id)));
    this.chat = new Chat(client, room);
    this.chat.onnews = (entry) => {
      const { t } = app.language;
      if (entry.kind === "whisper") {
        if (app.preferences.sounds) this.#chimes.whisper();
        this.announcer.say(`${t.chat.whispersToYou(entry.name)}: ${entry.text}`);
      }
    };
    this.pictures = new Pictures(app, room, this);
    this.#publisher = new Publisher((attributes) => void room.setAttributes(attributes).catch(() => {}));
    this.#stops = [...this.#follow(), keepAwake(), () => this.chat.close(), () => this.announcer.close(), () => this.#chimes.close(), () => this.#publisher.close(), () => this.pictures.close()];
    this.#askedMuted = room.muted;
    this.#readRoster();
    // Whoever has begun to speak before anyone listened to that is not told of again.
    for (const person of this.people) if (room.isSpeaking(person.id)) this.speaking.add(person.id);
    this.connection = client.state;
    this.media = room.mediaState;
    this.mediaProblem = room.mediaProblem;
    this.muted = room.muted;
    this.hasMicrophone = room.microphone !== null;
    this.playbackBlocked = room.playbackBlocked;
    if (app.preferences.speaker) void room.setSpeaker(app.preferences.speaker).catch(() => {});
  }

  get quality(): QualityScore | undefined {
    return this.reading?.score;
  }

  get mayModerate(): boolean {
    return this.self.role === "host";
  }

  get listener(): boolean {
    return this.self.role === "listener";
  }

  /** What the own microphone hears, muted or not; 0 to 1. */
  get microphoneLevel(): number {
    return this.#room.microphoneLevel;
  }

  person(id: string): Participant | undefined {
    return this.people.find((person) => person.id === id);
  }

  /** Whether the others hear them now: what a muted microphone or a listener's picks up does not count. */
  isSpeaking(person: Participant): boolean {
    if (!this.speaking.has(person.id) || person.role === "listener") return false;
    return person.id === this.self.id ? !this.muted : !person.muted;
  }

  async toggleMuted(): Promise<void> {
    if (!this.hasMicrophone) return this.#startMicrophone();
    await this.#setMuted(!this.muted);
  }

  #setMuted(muted: boolean): Promise<void> {
    this.#askedMuted = muted;
    return this.act(this.#room.setMuted(muted));
  }

  /** Begins talking while something is held; of no effect for who is talking anyway. */
  pushStart(): void {
    if (this.pushing || !this.muted || !this.hasMicrophone || this.listener) return;
    this.pushing = true;
    void this.#setMuted(false);
  }

  pushEnd(): void {
    if (!this.pushing) return;
    this.pushing = false;
    void this.#setMuted(true);
  }

  toggleHand(): Promise<void> {
    return this.act(this.#room.setHand(!this.self.hand));
  }

  toggleDeafened(): void {
    this.deafened = !this.deafened;
    this.#room.setDeafened(this.deafened);
    this.#publisher.deafened(this.deafened);
  }

  rename(name: string): Promise<void> {
    return this.act(this.#room.setName(name).then(() => this.#app.line.renamed(name)));
  }

  volumeOf(id: string): number {
    return this.volumes[id] ?? 1;
  }

  setVolume(id: string, volume: number): void {
    this.volumes = { ...this.volumes, [id]: volume };
    this.#room.setVolume(id, volume);
  }

  moderate(id: string, action: "mute" | "remove" | "ban" | "role", role?: Role): Promise<void> {
    return this.act(this.#room.moderate(id, action, role));
  }

  /** The person has chosen another microphone. */
  async useMicrophone(deviceId: string): Promise<void> {
    this.#app.preferences.microphone = deviceId;
    if (!this.hasMicrophone) return;
    const track = await this.#app.microphone.open(deviceId);
    if (track) await this.act(this.#room.setMicrophone(track));
  }

  async useSpeaker(deviceId: string): Promise<void> {
    this.#app.preferences.speaker = deviceId;
    await this.act(this.#room.setSpeaker(deviceId));
  }

  resumePlayback(): Promise<void> {
    return this.act(this.#room.resumePlayback());
  }

  async leave(): Promise<void> {
    this.close();
    await this.#room.leave().catch(() => {});
  }

  /** Stops following the room. The connection is not touched. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #startMicrophone(): Promise<void> {
    const { microphone, preferences, toasts, language } = this.#app;
    const track = await microphone.open(preferences.microphone);
    if (!track) {
      this.#app.dialog = "microphone";
      return;
    }
    await this.act(this.#room.setMicrophone(track));
    await this.#setMuted(false);
    if (this.listener) toasts.show(language.t.controls.listenerHint);
  }

  #follow(): (() => void)[] {
    const room = this.#room;
    return [
      this.#client.on("state", (state, { retryAt }) => {
        if (this.connection === "reconnecting" && state === "connected") this.announcer.say(this.#app.language.t.banner.back);
        if (this.connection !== "reconnecting" && state === "reconnecting") this.announcer.say(this.#app.language.t.banner.reconnecting);
        this.connection = state;
        this.retryAt = retryAt;
      }),
      this.#client.on("whisper", (whisper) => {
        if (!this.call) this.chat.receive(whisper);
      }),
      this.#client.on("ended", (why) => this.#app.end(why.reason)),
      room.on("left", (reason) => this.#left(reason)),
      room.on("participants", () => this.#readRoster()),
      room.on("participantJoined", (person) => this.#arrived(person)),
      room.on("participantUpdated", (person, before) => this.#changed(person, before)),
      room.on("participantLeft", (person, reason) => this.#gone(person, reason)),
      room.on("media", (state, problem) => {
        this.media = state;
        this.mediaProblem = problem;
      }),
      room.on("speaking", (id, speaking) => {
        if (speaking) this.speaking.add(id);
        else this.speaking.delete(id);
        // Of two who talk it goes without saying.
        if (!this.call) this.announcer.speaking(this.#sentenceOfSpeakers());
      }),
      room.on("playbackBlocked", (blocked) => (this.playbackBlocked = blocked)),
      room.on("muted", (muted) => {
        this.muted = muted;
        if (!muted || this.#askedMuted) return;
        // Whoever mutes us while we hold the key means it.
        this.pushing = false;
        this.#askedMuted = true;
        this.#app.toasts.show(this.#app.language.t.room.mutedByHost);
      }),
      room.on("microphone", (track, error) => {
        this.hasMicrophone = track !== null;
        // The room finds another one by itself when the device in use goes away; this is when there is none.
        if (track) this.#app.microphone.trouble = null;
        else if (error) {
          this.#app.microphone.lost(error.reason === "missing" ? "none" : error.reason);
          this.#app.toasts.show(this.#app.language.t.room.microphoneLost);
        }
      }),
      room.on("quality", (reading) => {
        this.reading = reading;
        this.#publisher.quality(reading.score);
      }),
    ];
  }

  #readRoster(): void {
    const { self, participants } = this.#room;
    this.self = self;
    const others = [...participants.values()].filter((person) => person.id !== self.id);
    others.sort((a, b) => a.joinedAt - b.joinedAt || (a.id < b.id ? -1 : 1));
    this.people = [self, ...others];
    void this.pictures.follow(this.people);
    for (const id of this.speaking) if (!participants.has(id)) this.speaking.delete(id);
  }

  #isOwn(person: Participant): boolean {
    return person.user === this.#client.user?.id;
  }

  #arrived(person: Participant): void {
    if (this.call) return; // expected
    this.announcer.say(this.#app.language.t.room.joined(person.name));
    if (this.#app.preferences.sounds) this.#chimes.joined();
  }

  #gone(person: Participant, reason: "left" | "timeout" | "removed" | "banned"): void {
    if (this.call || this.#isOwn(person)) return;
    const { room } = this.#app.language.t;
    const sentence = reason === "left" ? room.left : reason === "timeout" ? room.timedOut : room.wasRemoved;
    this.announcer.say(sentence(person.name));
    if (this.#app.preferences.sounds) this.#chimes.left();
  }

  #changed(person: Participant, before: Participant): void {
    const { t } = this.#app.language;
    if (person.id !== this.self.id) {
      if (person.hand && !before.hand) this.announcer.say(t.room.raisedHand(person.name));
      if (person.camera !== before.camera) this.announcer.say((person.camera ? t.video.cameraOn : t.video.cameraOff)(person.name));
      if (person.screen !== before.screen) this.announcer.say((person.screen ? t.video.screenOn : t.video.screenOff)(person.name));
      return;
    }
    if (person.role !== before.role) this.#app.toasts.show(t.room.madeRole[person.role]);
  }

  #left(reason: RoomLeftReason): void {
    if (reason !== "closed") this.#app.end(reason);
  }

  #sentenceOfSpeakers(): string {
    const { language } = this.#app;
    const names = this.people.filter((person) => this.isSpeaking(person)).map((person) => person.name);
    return names.length === 0 ? "" : language.t.room.speaks(language.list(names.slice(0, 3)), names.length);
  }

  /** Awaits what was asked of the room, and says in words when it failed. */
  async act(doing: Promise<unknown>): Promise<void> {
    try {
      await doing;
    } catch (error) {
      const { room } = this.#app.language.t;
      const reason = (error as HubbubError).reason;
      // A line that broke says so in the banner already.
      if (reason === "disconnected" || reason === "closed") return;
      this.#app.toasts.show(reason === "rate_limited" ? room.rateLimited : reason === "forbidden" ? room.notAllowed : room.failed);
    }
  }
}

import { canShareScreen, type Participant, type VideoQuality } from "@hubbub/client";
import { troubleOf } from "./capture.svelte";
import type { App } from "./app.svelte";
import type { VoiceRoom } from "./connection";

export type PictureSource = "camera" | "screen";

/** How many others are seen at once in a room, and how many pictures there can be in a call: a face and a screen. */
const inRoom = 8;
export const inCall = 2;

/** Of one stay in a room what of it belongs to the pictures. */
export interface Stay {
  readonly self: Participant;
  readonly people: readonly Participant[];
  readonly call: unknown;
  /** Awaits what was asked of the room, and says in words when it failed. */
  act(doing: Promise<unknown>): Promise<void>;
}

/** What is seen in a room: the others' cameras and screens, and one's own. */
export class Pictures {
  /** One's own, while it is on. */
  camera = $state.raw<MediaStreamTrack | null>(null);
  screen = $state.raw<MediaStream | null>(null);
  /** The camera is being opened. */
  turning = $state(false);
  /** Of what is received, over the last two seconds. */
  figures = $state.raw<VideoQuality>();
  readonly canShare = canShareScreen();

  /** Raised whenever somebody is seen somewhere else. */
  #seen = $state(0);
  /** Whose screen was chosen, where there are several. */
  #chosen = $state("");
  readonly #app: App;
  readonly #room: VoiceRoom;
  readonly #stay: Stay;
  #asked: boolean;
  #closed = false;
  readonly #stops: (() => void)[];

  /** The others who share their screens. */
  readonly screens = $derived.by(() => this.#stay.people.filter((person) => person.id !== this.#stay.self.id && this.of(person, "screen") !== null));
  /** Whose screen is to be seen large. */
  readonly presenter = $derived.by(() => this.screens.find(({ id }) => id === this.#chosen) ?? this.screens[0]);

  constructor(app: App, room: VoiceRoom, stay: Stay) {
    this.#app = app;
    this.#room = room;
    this.#stay = stay;
    // A call has its places for pictures from the start.
    this.#asked = stay.call !== null;
    this.camera = room.camera;
    this.screen = room.screen;
    this.#stops = [
      room.on("video", () => void this.#seen++),
      room.on("camera", (track, error) => {
        this.camera = track;
        // The room finds another one by itself when the device in use goes away.
        if (track) app.camera.trouble = null;
        if (!error) return;
        app.camera.lost(troubleOf(error));
        app.toasts.show(app.language.t.video.cameraLost);
      }),
      room.on("screen", (stream) => (this.screen = stream)),
      room.on("quality", ({ video }) => (this.figures = video)),
    ];
  }

  /** What is to be seen of somebody now; null where their portrait stands. One's own screen is not shown to oneself. */
  of(person: Participant, source: PictureSource): MediaStreamTrack | null {
    if (person.id === this.#stay.self.id) return source === "camera" ? this.camera : null;
    void this.#seen;
    // The flag is quicker than the last frames are gone.
    return person[source] ? this.#room.videoOf(person.id, source) : null;
  }

  choose(person: Participant): void {
    this.#chosen = person.id;
  }

  /** To be called when the people have changed: pictures are asked for when there is the first to be seen. */
  async follow(people: readonly Participant[]): Promise<void> {
    if (this.#asked || !people.some((person) => person.camera || person.screen)) return;
    this.#asked = true;
    try {
      await this.#room.showVideo(inRoom);
    } catch {
      this.#asked = false; // with the next change
    }
  }

  async toggleCamera(): Promise<void> {
    if (this.turning) return;
    if (this.camera) await this.#cameraOff();
    else await this.cameraOn();
  }

  async cameraOn(): Promise<void> {
    const { camera, preferences } = this.#app;
    this.turning = true;
    try {
      const track = camera.track ?? (await camera.open(preferences.camera));
      if (!track && camera.trouble && !this.#closed) this.#app.dialog = "camera";
      await this.#show(track);
    } finally {
      this.turning = false;
    }
    void this.#app.devices.refresh();
  }

  /** The person has chosen another camera. */
  async useCamera(deviceId: string): Promise<void> {
    this.#app.preferences.camera = deviceId;
    if (this.camera) await this.#show(await this.#app.camera.open(deviceId));
  }

  /** The phone's other camera. */
  async flip(): Promise<void> {
    if (this.turning) return;
    this.turning = true;
    try {
      const track = await this.#app.camera.flip();
      // The one before was let go already: what is left is to have none.
      if (track) await this.#show(track);
      else await this.#cameraOff();
    } finally {
      this.turning = false;
    }
  }

  async toggleScreen(): Promise<void> {
    if (this.screen) return this.#act(this.#room.stopScreen());
    await this.#act(
      this.#room.shareScreen().catch((error: unknown) => {
        // Whoever closes the browser's chooser has changed their mind.
        if (!isRefusal(error)) throw error;
      }),
    );
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #show(track: MediaStreamTrack | null): Promise<void> {
    if (!track) return;
    if (this.#closed) return this.#app.camera.close();
    await this.#act(this.#room.setCamera(track));
    if (!this.camera) this.#app.camera.close();
  }

  #cameraOff(): Promise<void> {
    const done = this.#room.setCamera(null);
    this.#app.camera.close();
    return this.#act(done);
  }

  #act(doing: Promise<void>): Promise<void> {
    return this.#stay.act(
      doing.catch((error: unknown) => {
        if ((error as { reason?: unknown }).reason !== "unsupported") throw error;
        this.#app.toasts.show(this.#app.language.t.video.unavailable);
      }),
    );
  }
}

function isRefusal(error: unknown): boolean {
  const { name, reason } = error as { name?: string; reason?: string };
  return reason === "denied" || name === "NotAllowedError" || name === "AbortError";
}

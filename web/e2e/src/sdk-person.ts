import type { Page } from "@playwright/test";
import type * as SDK from "@hubbub/client";
import type { AudioStats } from "./instrument.ts";
import type { Listener } from "./hearing.ts";
import type { Viewer } from "./seeing.ts";
import type { SlowLine } from "./slow-line.ts";
import type { VideoStats } from "./video-instrument.ts";
import type { Watch } from "./watch.ts";

declare global {
  interface Window {
    sdk: typeof SDK;
    client: SDK.Client;
    room: SDK.Room;
  }
}

export interface SDKJoinOptions {
  /** Of sound. */
  slots: number;
  muted?: boolean;
  /** Of pictures; without it they are asked for when `showVideo` is called. */
  video?: number;
}

/** Someone in a room by the client SDK alone, without the web app. */
export class SDKPerson implements Listener, Viewer {
  readonly tone: number;
  /** Of their screen, when it is shared with sound. */
  readonly screenTone: number;
  /** What their camera shows. */
  readonly picture: string;
  readonly screenPicture: string;

  constructor(
    readonly page: Page,
    readonly name: string,
    shown: Pick<SDKPerson, "tone" | "screenTone" | "picture" | "screenPicture">,
    readonly watch: Watch,
    /** To the server, if it is a slow one. */
    readonly line: SlowLine | undefined,
  ) {
    ({ tone: this.tone, screenTone: this.screenTone, picture: this.picture, screenPicture: this.screenPicture } = shown);
  }

  async join(room: string, options: SDKJoinOptions): Promise<void> {
    await this.page.waitForFunction(() => window.sdk !== undefined);
    await this.page.evaluate(
      async ({ name, room, options }) => {
        window.client = new window.sdk.Client({ name });
        window.room = await window.client.join(room, { microphone: true, ...options });
      },
      { name: this.name, room, options },
    );
    await this.page.evaluate(watchPictures);
    await this.page.waitForFunction(() => window.room.mediaState === "connected");
  }

  heard(): Promise<number[]> {
    return this.page.evaluate(() => window.instrument.heard());
  }

  seen(): Promise<string[]> {
    return this.page.evaluate(() => window.videoInstrument.seen());
  }

  stats(): Promise<AudioStats> {
    return this.page.evaluate(() => window.instrument.stats());
  }

  videoStats(): Promise<VideoStats> {
    return this.page.evaluate(() => window.videoInstrument.stats());
  }

  async talk(talking: boolean): Promise<void> {
    await this.page.evaluate((talking) => window.instrument.setTalking(talking), talking);
  }

  /** Receives pictures, as many at once. */
  async showVideo(slots: number): Promise<void> {
    await this.page.evaluate((slots) => window.room.showVideo(slots), slots);
  }

  async camera(on: boolean): Promise<void> {
    await this.page.evaluate((on) => (on ? window.room.acquireCamera() : window.room.setCamera(null)), on);
  }

  async shareScreen(): Promise<void> {
    await this.page.evaluate(() => window.room.shareScreen());
  }

  async stopScreen(): Promise<void> {
    await this.page.evaluate(() => window.room.stopScreen());
  }

  /** The names of those who are in this person's audio slots. */
  slots(): Promise<string[]> {
    return this.page.evaluate(() =>
      window.room.slots.flatMap(({ kind, participant }) => {
        const who = kind === "video" || participant === null ? undefined : window.room.participants.get(participant);
        return who ? [who.name] : [];
      }),
    );
  }
}

/** Runs in the page: shows each picture of others in an element of its own, as an application would. */
function watchPictures(): void {
  const { room } = window;
  const elements = new Map<string, HTMLVideoElement>();
  const show = () => {
    for (const { id } of room.participants.values()) {
      for (const source of ["camera", "screen"] as const) {
        const key = `${id} ${source}`;
        const track = room.videoOf(id, source);
        let element = elements.get(key);
        if (!track) {
          element?.remove();
          elements.delete(key);
          continue;
        }
        if (!element) {
          element = document.createElement("video");
          element.style.width = "320px";
          element.autoplay = element.muted = element.playsInline = true;
          elements.set(key, element);
          document.body.append(element);
        }
        const shown = element.srcObject as MediaStream | null;
        if (shown?.getVideoTracks()[0] !== track) element.srcObject = new MediaStream([track]);
      }
    }
  };
  room.on("video", show);
  room.on("participantLeft", show);
  show();
}

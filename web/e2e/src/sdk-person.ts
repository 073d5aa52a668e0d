import type { Page } from "@playwright/test";
import type * as SDK from "@hubbub/client";
import type { AudioStats } from "./instrument.ts";
import type { Listener } from "./hearing.ts";

declare global {
  interface Window {
    sdk: typeof SDK;
    client: SDK.Client;
    room: SDK.Room;
  }
}

/** Someone in a room by the client SDK alone, without the web app. */
export class SDKPerson implements Listener {
  constructor(
    readonly page: Page,
    readonly name: string,
    readonly tone: number,
  ) {}

  async join(room: string, options: { slots: number; muted?: boolean }): Promise<void> {
    await this.page.waitForFunction(() => window.sdk !== undefined);
    await this.page.evaluate(
      async ({ name, room, options }) => {
        window.client = new window.sdk.Client({ name });
        window.room = await window.client.join(room, { microphone: true, ...options });
      },
      { name: this.name, room, options },
    );
    await this.page.waitForFunction(() => window.room.mediaState === "connected");
  }

  heard(): Promise<number[]> {
    return this.page.evaluate(() => window.instrument.heard());
  }

  stats(): Promise<AudioStats> {
    return this.page.evaluate(() => window.instrument.stats());
  }

  async talk(talking: boolean): Promise<void> {
    await this.page.evaluate((talking) => window.instrument.setTalking(talking), talking);
  }

  /** The names of those who are in this person's audio slots. */
  slots(): Promise<string[]> {
    return this.page.evaluate(() =>
      window.room.slots.flatMap(({ participant }) => {
        const who = participant === null ? undefined : window.room.participants.get(participant);
        return who ? [who.name] : [];
      }),
    );
  }
}

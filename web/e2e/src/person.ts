import { expect, type Locator, type Page } from "@playwright/test";
import type { Listener } from "./hearing.ts";
import type { AudioStats } from "./instrument.ts";
import type { Viewer } from "./seeing.ts";
import type { VideoStats } from "./video-instrument.ts";
import type { Watch } from "./watch.ts";

export type JoinMode = "talk" | "muted" | "listen";

/** What others hear and see of a person. */
export interface Appearance {
  /** The tones of their microphones; the default one comes first. */
  tones: readonly number[];
  /** Of their screen, when it is shared with sound. */
  screenTone: number;
  /** The pictures of their cameras; the default one comes first. */
  cameras: readonly string[];
  /** The picture of their screen. */
  screen: string;
}

/** Someone at the web app, who does and sees what a person does and sees. */
export class Person implements Listener, Viewer {
  constructor(
    readonly page: Page,
    readonly name: string,
    readonly appearance: Appearance,
    private readonly origin: string,
    readonly watch: Watch,
    private readonly token?: string,
  ) {}

  /** The tone of their default microphone. */
  get tone(): number {
    return this.appearance.tones[0]!;
  }

  /** The picture of their default camera. */
  get picture(): string {
    return this.appearance.cameras[0]!;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** Follows a room's link, as far as the lobby. */
  async open(room: string): Promise<void> {
    await this.page.goto(`${this.origin}/r/${encodeURIComponent(room)}`);
    await expect(this.get("lobby")).toBeVisible();
  }

  /** Opens the page, and lets others call. Whoever is to call does so last: the list of who is online is read every 5 s. */
  async beOnline(): Promise<void> {
    await this.page.goto(`${this.origin}/${this.token ? `#token=${this.token}` : ""}`);
    await this.get("lobby-name").fill(this.name);
    await this.get("reachable").check();
  }

  /** Someone in the list of who is online. */
  online(who: { name: string }): Locator {
    return this.page.locator(`[data-testid=online-person][data-name="${who.name}"]`);
  }

  async call(who: { name: string }, media: "audio" | "video" = "audio"): Promise<void> {
    const button = media === "video" ? "online-call-video" : "online-call";
    await this.online(who).getByTestId(button).click({ timeout: 20_000 });
    await expect(this.get("outgoing-call")).toContainText(who.name);
    await expect(this.get("outgoing-call")).toHaveAttribute("data-call-media", media);
  }

  /** Takes the call that rings, with the camera if it is a video call. */
  async accept(media: "audio" | "video" = "audio"): Promise<void> {
    await this.get(media === "video" ? "call-accept-video" : "call-accept").click();
  }

  /** Clicks a control of a call. It may have faded while nothing moved, so the mouse comes from elsewhere. */
  async use(control: "camera" | "screen" | "mute" | "hang-up"): Promise<void> {
    const { width, height } = this.page.viewportSize()!;
    await this.page.mouse.move(width * Math.random(), height / 2);
    await this.get(control).click();
  }

  /** Until the two are in the call, and its sound is connected. */
  async expectInCall(other: { name: string }): Promise<void> {
    await expect(this.get("call")).toHaveAttribute("data-person", other.name);
    await expect(this.get("call")).toHaveAttribute("data-connected", "true");
  }

  /** Goes from the lobby into the room, and waits until the sound is connected as well. */
  async join(mode: JoinMode = "talk"): Promise<void> {
    await this.get("lobby-name").fill(this.name);
    if (mode !== "talk") {
      const choice = this.get(`lobby-mode-${mode}`);
      await this.page.locator("label").filter({ has: choice }).click();
      await expect(choice).toBeChecked();
    }
    await this.get("join").click();
    await this.expectConnected();
  }

  async enter(room: string, mode: JoinMode = "talk"): Promise<void> {
    await this.open(room);
    await this.join(mode);
  }

  async expectConnected(timeout = 15_000): Promise<void> {
    await expect(this.get("room")).toHaveAttribute("data-state", "connected", { timeout });
    await expect(this.get("room")).toHaveAttribute("data-media", "connected", { timeout });
  }

  /** The tile of someone, as this person sees it. */
  tile(of: { name: string }): Locator {
    return this.page.locator(`[data-testid=tile][data-participant-name="${of.name}"]`);
  }

  heard(): Promise<number[]> {
    return this.page.evaluate(() => window.instrument.heard());
  }

  seen(): Promise<string[]> {
    return this.page.evaluate(() => window.videoInstrument.seen());
  }

  /** Until exactly these of their own pictures are on their screen. */
  async expectToSeeThemselves(...pictures: string[]): Promise<void> {
    const seen = () => this.page.evaluate(() => window.videoInstrument.ownSeen());
    await expect.poll(seen, { message: `${this.name} sees themselves`, intervals: [50] }).toEqual([...pictures].sort());
  }

  /** Whether the voice plays; the microphone stays as it is. */
  async talk(talking: boolean): Promise<void> {
    await this.page.evaluate((talking) => window.instrument.setTalking(talking), talking);
  }

  stats(): Promise<AudioStats> {
    return this.page.evaluate(() => window.instrument.stats());
  }

  videoStats(): Promise<VideoStats> {
    return this.page.evaluate(() => window.videoInstrument.stats());
  }

  async say(text: string): Promise<void> {
    await this.openChat();
    await this.get("chat-input").fill(text);
    await this.get("chat-input").press("Enter");
  }

  async openChat(): Promise<void> {
    if ((await this.get("chat-toggle").getAttribute("aria-expanded")) !== "true") await this.get("chat-toggle").click();
    await expect(this.get("chat")).toBeVisible();
  }

  async openMenu(of: { name: string }): Promise<void> {
    await this.tile(of).getByTestId("tile-open").click();
    await expect(this.get("person-menu")).toBeVisible();
  }
}

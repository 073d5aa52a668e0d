import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { expect } from "vitest";
import { CHROMIUM, CHROMIUM_ARGS, FIREFOX, FIREFOX_PREFERENCES } from "../src/browsers.ts";
import { instrumentScript } from "../src/instrument.ts";
import { SMALL_CAMERA, videoInstrumentScript } from "../src/video-instrument.ts";

const PATIENCE = { timeout: 20_000, interval: 50 };

export function launchFirefox(): Promise<Browser> {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
  });
}

export function launchChromium(): Promise<Browser> {
  // Permissions cannot be granted to a name and port in advance here as they can with Playwright, so nobody is asked.
  return puppeteer.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [...CHROMIUM_ARGS, "--use-fake-ui-for-media-stream"],
  });
}

/** Someone at the web app, in either browser. */
export class Person {
  /** Errors in the console, and exceptions that nobody caught. */
  readonly problems: string[] = [];

  private constructor(
    readonly page: Page,
    readonly name: string,
    readonly tone: number,
    /** What their camera shows. */
    readonly picture: string,
  ) {
    page.on("console", (message) => {
      if (message.type() === "error") this.problems.push(`${name}'s console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problems.push(`${name}'s page: ${String(error)}`));
  }

  /** Opens the lobby of a room with a browser profile of one's own. */
  static async arrive(browser: Browser, address: string, name: string, tone: number, picture: string): Promise<Person> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.evaluateOnNewDocument(instrumentScript([tone]));
    const shown = { cameras: [picture], screen: picture, screenTone: tone, camera: SMALL_CAMERA };
    await page.evaluateOnNewDocument(videoInstrumentScript(shown));
    const person = new Person(page, name, tone, picture);
    await page.goto(address);
    await page.waitForSelector(byTestId("lobby"));
    return person;
  }

  /** Goes into the room, and waits until the sound is connected as well. */
  async join(): Promise<void> {
    await this.page.bringToFront();
    await this.type("lobby-name", this.name);
    await this.click("join");
    await this.page.waitForSelector(`${byTestId("room")}[data-state=connected][data-media=connected]`);
  }

  /** What is on screen, for when a test fails. */
  async screen(): Promise<string> {
    const text = await this.page.evaluate(() => {
      const room = document.querySelector("[data-testid=room]");
      return `${JSON.stringify(room ? { ...(room as HTMLElement).dataset } : {})}\n${document.body.innerText}`;
    });
    return `--- ${this.name} sees ${text}\n${this.problems.join("\n")}`;
  }

  async leave(): Promise<void> {
    await this.page.browserContext().close();
  }

  async click(testId: string): Promise<void> {
    await this.page.bringToFront();
    await this.page.locator(byTestId(testId)).click(); // waits until it has stopped moving
  }

  /** Replaces what is in a field. */
  async type(testId: string, text: string): Promise<void> {
    const field = (await this.page.waitForSelector(byTestId(testId), { visible: true }))!;
    await field.evaluate((element) => (element as HTMLInputElement).select());
    await field.type(text);
  }

  async press(key: "m" | "Enter"): Promise<void> {
    await this.page.bringToFront();
    await this.page.keyboard.press(key);
  }

  async say(text: string): Promise<void> {
    await this.openChat();
    await this.type("chat-input", text);
    await this.press("Enter");
  }

  async openChat(): Promise<void> {
    const expanded = await this.page.$(`${byTestId("chat-toggle")}[aria-expanded=true]`);
    if (!expanded) await this.click("chat-toggle");
  }

  /** Waits for an element with a text. */
  async reads(testId: string, text: string): Promise<void> {
    await expect
      .poll(() => this.page.$$eval(byTestId(testId), (elements) => elements.map((e) => e.textContent).join("\n")), PATIENCE)
      .toContain(text);
  }

  /** Waits until the tile of someone has an attribute with this value. */
  async seesTile(of: Person, attribute: string, value: string): Promise<void> {
    await this.page.waitForSelector(`${byTestId("tile")}[data-participant-name="${of.name}"][${attribute}="${value}"]`);
  }

  /** Waits until exactly these people are heard, and makes sure that no others come in the next window of sound. */
  async hears(...people: Person[]): Promise<void> {
    const tones = people.map(({ tone }) => tone).sort((a, b) => a - b);
    const heard = () => this.page.evaluate(() => window.instrument.heard());
    await expect.poll(heard, { ...PATIENCE, message: `${this.name} hears` }).toEqual(tones);
    const others = (await heard()).filter((tone) => !tones.includes(tone));
    expect(others, `${this.name} hears others as well`).toEqual([]);
  }

  /** Waits until exactly these people are seen, and move. */
  async sees(...people: Person[]): Promise<void> {
    const pictures = people.map(({ picture }) => picture).sort();
    const seen = () => this.page.evaluate(() => window.videoInstrument.seen());
    await expect.poll(seen, { ...PATIENCE, message: `${this.name} sees` }).toEqual(pictures);
  }
}

function byTestId(testId: string): string {
  return `[data-testid="${testId}"]`;
}

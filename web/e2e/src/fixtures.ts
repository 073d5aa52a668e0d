import { test as base, type BrowserContext } from "@playwright/test";
import type { Conditions } from "./bottleneck.ts";
import { instrumentScript } from "./instrument.ts";
import { Person } from "./person.ts";
import { PICTURES } from "./pictures.ts";
import { SDKPerson } from "./sdk-person.ts";
import { bundleSDK, serveSDKPage } from "./sdk-page.ts";
import { Server, type ServerOptions } from "./server.ts";
import { SlowLine } from "./slow-line.ts";
import { TONES } from "./tones.ts";
import { type CameraOptions, SMALL_CAMERA, videoInstrumentScript } from "./video-instrument.ts";
import { Watch } from "./watch.ts";

export { expect } from "@playwright/test";

export interface PersonOptions {
  /** Where the page comes from, if not from the server directly. */
  origin?: string;
  locale?: string;
  colorScheme?: "light" | "dark";
  viewport?: { width: number; height: number };
  /** false: the browser refuses the microphone. */
  microphone?: boolean;
  /** false: the browser refuses the camera. */
  camera?: boolean;
  /** An access token that the link brings along. */
  token?: string;
}

export interface SDKPersonOptions {
  /** The fake camera, where it is to be larger or livelier than for a test. */
  camera?: Partial<CameraOptions>;
  /** Where they connect, if not to the test's own server. */
  server?: Server;
  /** What the line to the server's media ports is like; without it there is nothing in between. */
  line?: { down?: Conditions; up?: Conditions };
}

interface TestFixtures {
  /** A room that no other test uses. */
  room: string;
  /** Someone with a browser profile, a voice and the web app of their own. */
  person: (name: string, options?: PersonOptions) => Promise<Person>;
  /** Someone on a page that has the SDK alone. */
  sdkPerson: (name: string, options?: SDKPersonOptions) => Promise<SDKPerson>;
  /** Flags for a server of the test's own, instead of the one that all tests of a worker share. */
  serverOptions: ServerOptions | undefined;
  server: Server;
}

interface WorkerFixtures {
  sharedServer: Server;
  sdk: string;
}

/** What the fixtures above are made of. */
interface Internals {
  watches: Watch[];
  contexts: BrowserContext[];
  /** Gives tones that nobody else in this test has. */
  voices: (count: number) => number[];
  /** Gives pictures that nobody else in this test has. */
  pictures: (count: number) => string[];
  lines: SlowLine[];
}

let rooms = 0;

export const test = base.extend<TestFixtures & Internals, WorkerFixtures>({
  sharedServer: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  sdk: [async ({}, use) => use(await bundleSDK()), { scope: "worker" }],

  serverOptions: [undefined, { option: true }],
  server: async ({ serverOptions, sharedServer }, use, info) => {
    const server = serverOptions ? await Server.start(serverOptions) : sharedServer;
    const before = server.log.length;
    await use(server);
    if (serverOptions) await server.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach("server", { body: server.log.slice(before), contentType: "text/plain" });
      console.log(`--- server\n${server.log.slice(before)}`);
    }
  },

  room: async ({}, use) => use(`room-${process.pid}-${++rooms}`),

  // What must hold for every page of every test, whatever else it is about.
  watches: async ({}, use, info) => {
    const watches: Watch[] = [];
    await use(watches);
    if (info.status !== info.expectedStatus) {
      for (const [i, watch] of watches.entries()) {
        if (watch.console.length > 0) console.log(`--- console of page ${i + 1}\n${watch.console.join("\n")}`);
      }
    }
    const problems = watches.flatMap((watch) => watch.problems);
    if (problems.length > 0) throw new Error(`pages did what they must not:\n${problems.join("\n")}`);
  },
  voices: async ({}, use) => use(dealer(TONES, "tones")),
  pictures: async ({}, use) => use(dealer(PICTURES, "pictures")),
  lines: async ({}, use) => {
    const lines: SlowLine[] = [];
    await use(lines);
    await Promise.all(lines.map((line) => line.stop()));
  },
  contexts: async ({}, use) => {
    const contexts: BrowserContext[] = [];
    await use(contexts);
    await Promise.all(contexts.map((context) => context.close()));
  },

  person: async ({ browser, server, watches, contexts, voices, pictures }, use) => {
    await use(async (name, options = {}) => {
      const [tones, [screenTone], cameras, [screen]] = [voices(2), voices(1), pictures(2), pictures(1)];
      const origin = options.origin ?? server.url;
      const context = await browser.newContext({
        permissions: (["microphone", "camera"] as const).filter((device) => options[device] !== false),
        locale: options.locale ?? "en-GB",
        colorScheme: options.colorScheme ?? "light",
        viewport: options.viewport ?? { width: 920, height: 640 },
        reducedMotion: "reduce",
      });
      contexts.push(context);
      const watch = new Watch(context, origin);
      watches.push(watch);
      await context.addInitScript({ content: instrumentScript(tones) });
      const shown = { cameras, screen: screen!, screenTone: screenTone!, camera: SMALL_CAMERA };
      await context.addInitScript({ content: videoInstrumentScript(shown) });
      return new Person(await context.newPage(), name, { tones, screenTone: screenTone!, cameras, screen: screen! }, origin, watch, options.token);
    });
  },

  sdkPerson: async ({ browser, server: usual, watches, contexts, voices, pictures, lines, sdk }, use) => {
    await use(async (name, options = {}) => {
      const server = options.server ?? usual;
      const [[tone, screenTone], [picture, screen]] = [voices(2), pictures(2)];
      // To Chromium, a page that the test made up itself is not from this machine.
      const context = await browser.newContext({ permissions: ["microphone", "camera", "local-network-access"] });
      contexts.push(context);
      const watch = new Watch(context, server.url);
      watches.push(watch);
      await context.addInitScript({ content: instrumentScript([tone!]) });
      const shown = { cameras: [picture!], screen: screen!, screenTone: screenTone!, camera: { ...SMALL_CAMERA, ...options.camera } };
      await context.addInitScript({ content: videoInstrumentScript(shown) });
      let line: SlowLine | undefined;
      if (options.line) {
        line = await SlowLine.between(context, server.mediaPorts);
        lines.push(line);
        line.shape(options.line);
      }
      const address = await serveSDKPage(context, server.url, sdk);
      const page = await context.newPage();
      await page.goto(address);
      return new SDKPerson(page, name, { tone: tone!, screenTone: screenTone!, picture: picture!, screenPicture: screen! }, watch, line);
    });
  },
});

/** Gives each thing once. */
function dealer<T>(things: readonly T[], what: string): (count: number) => T[] {
  let given = 0;
  return (count) => {
    if (given + count > things.length) throw new Error(`there are no more than ${things.length} ${what}`);
    return things.slice(given, (given += count));
  };
}

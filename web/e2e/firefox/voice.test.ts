import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Server } from "../src/server.ts";
import { TONES } from "../src/tones.ts";
import { launchChromium, launchFirefox, Person } from "./person.ts";

const mediaIP = process.env.HUBBUB_TEST_MEDIA_IP;
if (!mediaIP) throw new Error("run it by `make e2e-firefox`: Firefox needs a network interface that is not the loopback");

let server: Server;
let firefox: Browser;
let chromium: Browser;
let people: Person[] = [];
let rooms = 0;

beforeAll(async () => {
  [server, firefox, chromium] = await Promise.all([Server.start({ mediaIP }), launchFirefox(), launchChromium()]);
});

afterAll(async () => {
  await Promise.all([firefox?.close(), chromium?.close()]);
  await server?.stop();
});

afterEach(async ({ task }) => {
  const leaving = people;
  people = [];
  if (task.result?.state === "fail") {
    for (const person of leaving) console.log(await person.screen());
    console.log(`--- server\n${server.log}`);
  }
  await Promise.all(leaving.map((person) => person.leave()));
  expect(leaving.flatMap((person) => person.problems)).toEqual([]);
});

/** Brings people into a new room, each with a browser of the given kind. */
async function meet(...browsers: Browser[]): Promise<Person[]> {
  const address = `${server.url}/r/firefox-${++rooms}`;
  for (const [i, browser] of browsers.entries()) {
    const person = await Person.arrive(browser, address, ["Ada", "Ben", "Cleo"][i]!, TONES[i]!);
    people.push(person);
    await person.join();
  }
  return people;
}

describe("Firefox", () => {
  it("two people hear each other, and not themselves", async () => {
    const [ada, ben] = await meet(firefox, firefox);
    await ada!.hears(ben!);
    await ben!.hears(ada!);
  });

  it("three people with both browsers hear exactly the two others", async () => {
    const [ada, ben, cleo] = await meet(firefox, chromium, firefox);
    await ada!.hears(ben!, cleo!);
    await ben!.hears(ada!, cleo!);
    await cleo!.hears(ada!, ben!);
  });

  it("muting silences, unmuting brings the voice back", async () => {
    const [ada, ben] = await meet(chromium, firefox);
    await ada!.hears(ben!);
    await ben!.press("m");
    await ada!.seesTile(ben!, "data-muted", "true");
    await ada!.hears();
    await ben!.hears(ada!);
    await ben!.click("mute");
    await ada!.hears(ben!);
  });

  it("who speaks can be seen", async () => {
    const [ada, ben] = await meet(chromium, firefox);
    await ben!.seesTile(ada!, "data-speaking", "true");
    await ada!.page.evaluate(() => window.instrument.setTalking(false));
    await ben!.seesTile(ada!, "data-speaking", "false");
  });

  it("messages reach the other browser", async () => {
    const [ada, ben] = await meet(firefox, chromium);
    await ada!.say("hello from the other side");
    await ben!.openChat();
    await ben!.sees("chat-message", "hello from the other side");
    await ben!.say("/w Ada psst");
    await ada!.sees("whisper-message", "psst");
  });
});

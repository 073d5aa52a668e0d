import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { PICTURES } from "../src/pictures.ts";
import { Server } from "../src/server.ts";
import { TONES } from "../src/tones.ts";
import { launchChromium, launchFirefox, Person } from "./person.ts";

const NAMES = ["Ada", "Ben", "Cleo"];

const mediaIP = process.env.HUBBUB_TEST_MEDIA_IP;
if (!mediaIP) throw new Error("run it by `make e2e-firefox`: Firefox needs a network interface that is not the loopback");

/** What the tests of a file take place on: a server and both browsers. Failing tests print what was on screen. */
export interface Stage {
  /** Brings people into a new room, each with a browser of the given kind. */
  meet(...browsers: ("firefox" | "chromium")[]): Promise<Person[]>;
}

/** To be called once, at the top of a file. */
export function setStage(): Stage {
  let server: Server;
  let browsers: Record<"firefox" | "chromium", Browser>;
  let people: Person[] = [];
  let rooms = 0;

  beforeAll(async () => {
    const [started, firefox, chromium] = await Promise.all([Server.start({ mediaIP }), launchFirefox(), launchChromium()]);
    [server, browsers] = [started, { firefox, chromium }];
  });

  afterAll(async () => {
    await Promise.all(Object.values(browsers ?? {}).map((browser) => browser.close()));
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

  return {
    async meet(...kinds) {
      const address = `${server.url}/r/firefox-${process.pid}-${++rooms}`;
      for (const [i, kind] of kinds.entries()) {
        const person = await Person.arrive(browsers[kind], address, NAMES[i]!, TONES[i]!, PICTURES[i]!);
        people.push(person);
        await person.join();
      }
      return people;
    },
  };
}

import { randomBytes } from "node:crypto";
import { expectToHear } from "../src/hearing.ts";
import { expectToSee } from "../src/seeing.ts";
import { expect, test } from "../src/fixtures.ts";
import { freePorts } from "../src/ports.ts";
import type { SDKPerson } from "../src/sdk-person.ts";
import { Server } from "../src/server.ts";

test("people on two nodes see and hear each other, a late one and a screen too", async ({ sdkPerson, room }) => {
  // Gossip, and the link at the next port.
  const gossip = [await freePorts(2), await freePorts(2)];
  const key = randomBytes(32).toString("base64");
  const start = (i: number, ...flags: string[]) =>
    Server.start({ flags: [`--node=node${i}`, `--cluster-key=${key}`, `--cluster-listen=127.0.0.1:${gossip[i]}`, ...flags] });
  const nodes = [await start(0), await start(1, `--cluster-join=127.0.0.1:${gossip[0]}`)];
  const people: SDKPerson[] = [];
  try {
    for (const { adminPort } of nodes) {
      await expect.poll(async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(200);
    }
    for (const [name, node] of [["Ada", 0], ["Ben", 1], ["Cleo", 1]] as const) people.push(await sdkPerson(name, { server: nodes[node]! }));
    const [ada, ben, cleo] = people as [SDKPerson, SDKPerson, SDKPerson];
    await ada.join(room, { slots: 2, video: 3 });
    await ben.join(room, { slots: 2, video: 3 });
    await Promise.all([ada.camera(true), ben.camera(true)]);
    await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
    await expectToHear(ada, [ben.tone]);
    await expectToHear(ben, [ada.tone]);

    await cleo.join(room, { slots: 2, video: 3 });
    await expectToSee(cleo, [ada.picture, ben.picture]);
    await cleo.shareScreen();
    await expectToSee(ada, [ben.picture, cleo.screenPicture]);
    await ben.camera(false);
    await expectToSee(ada, [cleo.screenPicture]);
    await expectToSee(cleo, [ada.picture]);
  } finally {
    // A node that ends waits for its people to go elsewhere.
    await Promise.all(people.map(({ page }) => page.close()));
    await Promise.all(nodes.map((node) => node.stop()));
  }
});

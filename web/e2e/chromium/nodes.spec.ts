import { randomBytes } from "node:crypto";
import { expectToHear } from "../src/hearing.ts";
import { expectToSee } from "../src/seeing.ts";
import { expect, test as base } from "../src/fixtures.ts";
import { freePorts } from "../src/ports.ts";
import { Server } from "../src/server.ts";

/** Nodes of one cluster, by name; their people are to be gone before the test ends. */
const test = base.extend<{ nodes: Map<string, Server> }>({
  nodes: async ({}, use) => {
    const key = randomBytes(32).toString("base64");
    const first = await freePorts(2); // gossip, and the link at the next port
    const nodes = new Map<string, Server>();
    for (let i = 0; i < 3; i++) {
      const gossip = i === 0 ? first : await freePorts(2);
      const join = i === 0 ? [] : [`--cluster-join=127.0.0.1:${first}`];
      const name = `node${i}`;
      nodes.set(name, await Server.start({ flags: [`--node=${name}`, `--cluster-key=${key}`, `--cluster-listen=127.0.0.1:${gossip}`, ...join] }));
    }
    for (const { adminPort } of nodes.values()) {
      await expect.poll(async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(200);
    }
    await use(nodes);
    await Promise.all([...nodes.values()].map((node) => node.stop()));
  },
});

/** The node that owns a room, as another one sees it. */
async function ownerOf(room: string, { adminPort }: Server): Promise<string> {
  const { rooms } = (await (await fetch(`http://127.0.0.1:${adminPort}/debug/cluster`)).json()) as { rooms: Record<string, { owner: string }> };
  return rooms[room]!.owner;
}

test("people on three nodes see and hear each other, also after the room's owner has died", async ({ nodes, sdkPerson, room }) => {
  const opener = await sdkPerson("Opener", { server: nodes.get("node0")! });
  await opener.talk(false);
  await opener.join(room, { slots: 0 });
  const owner = await ownerOf(room, nodes.get("node0")!);
  const [here, there] = [...nodes].filter(([name]) => name !== owner).map(([, node]) => node) as [Server, Server];
  const [ada, ben, cleo] = [
    await sdkPerson("Ada", { server: here }),
    await sdkPerson("Ben", { server: there }),
    await sdkPerson("Cleo", { server: nodes.get(owner)! }),
  ];
  for (const someone of [ada, ben]) {
    await someone.join(room, { slots: 2, video: 3 });
    await someone.camera(true);
  }
  await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
  await expectToHear(ada, [ben.tone]);
  await cleo.talk(false);
  await cleo.join(room, { slots: 2, video: 3 });
  await cleo.shareScreen();
  await Promise.all([expectToSee(cleo, [ada.picture, ben.picture]), expectToSee(ada, [ben.picture, cleo.screenPicture])]);
  for (const someone of [cleo, opener]) await someone.page.close();
  await expectToSee(ada, [ben.picture]);

  await nodes.get(owner)!.kill();
  await expect.poll(() => ownerOf(room, here)).not.toBe(owner);
  await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
  await expectToHear(ada, [ben.tone]);
  await expectToHear(ben, [ada.tone]);
  for (const someone of [ada, ben]) await someone.page.close();
});

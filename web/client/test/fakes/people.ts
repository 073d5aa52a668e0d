import { Client } from "../../src/client.js";
import type { Ended, JoinOptions } from "../../src/options.js";
import type { Room } from "../../src/room.js";
import { FakePeerConnection } from "./browser.js";

/** A client with what it said, and the room it is in. */
export interface Person {
  client: Client;
  room: Room;
  states: string[];
  ended: Ended[];
}

/** Connects and joins; the sound's connection comes up as well unless told otherwise. */
export async function enter(options: JoinOptions = {}, { connected = true } = {}): Promise<Person> {
  const client = new Client({ url: "https://voice.example", name: "Ann" });
  const states: string[] = [];
  const ended: Ended[] = [];
  client.on("state", (state) => states.at(-1) !== state && states.push(state));
  client.on("ended", (why) => ended.push(why));
  const room = await client.join("lounge", options);
  if (connected && FakePeerConnection.open.length > 0) FakePeerConnection.last.become("connected");
  return { client, room, states, ended };
}

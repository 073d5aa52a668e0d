import { expectToHear } from "./hearing.ts";
import type { Person } from "./person.ts";
import { expectToSee } from "./seeing.ts";

/** Waits until two people are in a call with each other, and each sees and hears the other. */
export async function expectToMeet(a: Person, b: Person): Promise<void> {
  await Promise.all([a.expectInCall(b), b.expectInCall(a)]);
  await Promise.all([expectToSee(a, [b.picture]), expectToSee(b, [a.picture])]);
  await expectToHear(a, [b.tone]);
  await expectToHear(b, [a.tone]);
}

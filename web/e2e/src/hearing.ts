import { expect } from "@playwright/test";

/** Whoever can say which tones come out of their page. */
export interface Listener {
  readonly name: string;
  heard(): Promise<number[]>;
}

/** Waits until exactly these tones are heard, and makes sure that it stays so for another window of sound. */
export async function expectToHear(listener: Listener, tones: number[]): Promise<void> {
  const expected = [...tones].sort((a, b) => a - b);
  const says = `${listener.name} hears ${expected.join(", ") || "nothing"}`;
  await expect.poll(() => listener.heard(), { message: says, intervals: [50] }).toEqual(expected);
  expect(await listener.heard(), `${says}, and goes on to`).toEqual(expected);
}

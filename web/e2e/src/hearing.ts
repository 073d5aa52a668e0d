import { expect } from "@playwright/test";

/** Whoever can say which tones come out of their page. */
export interface Listener {
  readonly name: string;
  heard(): Promise<number[]>;
}

/**
 * Waits until exactly these tones are heard, and makes sure that no others come in the next window of sound. (That these are
 * still there is not asked again: on a busy machine a page may be held up for longer than a window.)
 */
export async function expectToHear(listener: Listener, tones: number[]): Promise<void> {
  const expected = [...tones].sort((a, b) => a - b);
  const says = `${listener.name} hears ${expected.join(", ") || "nothing"}`;
  await expect.poll(() => listener.heard(), { message: says, intervals: [50] }).toEqual(expected);
  const others = (await listener.heard()).filter((tone) => !expected.includes(tone));
  expect(others, `${says}, and nothing else`).toEqual([]);
}

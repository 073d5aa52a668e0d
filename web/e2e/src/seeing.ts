import { expect } from "@playwright/test";

/** Whoever can say which pictures their page shows. */
export interface Viewer {
  readonly name: string;
  /** Of others. */
  seen(): Promise<string[]>;
}

/** Waits until exactly these pictures of others are seen, each once, and move. */
export async function expectToSee(viewer: Viewer, pictures: string[]): Promise<void> {
  const expected = [...pictures].sort();
  const says = `${viewer.name} sees ${expected.join(", ") || "no picture"}`;
  await expect.poll(() => viewer.seen(), { message: says, intervals: [50] }).toEqual(expected);
}

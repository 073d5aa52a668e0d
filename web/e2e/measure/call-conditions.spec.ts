import { type Conditions, UNSHAPED } from "../src/bottleneck.ts";
import { expect, test } from "../src/fixtures.ts";
import { type Fluency, watchFluency } from "../src/fluency.ts";
import type { SDKPerson } from "../src/sdk-person.ts";

// A call in which one side sends a camera of 960×540 and its voice, and the other side receives them over a slow line (`src/slow-line.ts`); then
// the same with the sender's line slow instead. What must be true is asserted, the rest is for people to read.

/** Seconds in which the sender and the server find out what the line takes; for a line that is slow from the first packet. */
const WARM_UP = 12;
const SECONDS = 25;
/** Seconds within which there must be a new picture, whatever the line is like. */
const PATIENCE = 6;

/** Bits per second, each with each loss; and before them a line that is as it is, for what the machine alone does. */
const RATES = [300_000, 1_000_000, 3_000_000];
const LOSSES = [0, 0.02, 0.1];
const CASES: Conditions[] = [
  UNSHAPED,
  ...RATES.flatMap((rate) => LOSSES.map((loss) => ({ rate, loss, delay: 20, queue: 250 }))),
];

/** Enough for three simulcast layers, and little enough to be encoded and decoded on two cores. */
const CAMERA = { width: 960, height: 540, framesPerSecond: 24, detailed: true };

for (const direction of ["down", "up"] as const) {
  test(direction === "down" ? "the receiver's downlink is slow" : "the sender's uplink is slow", async ({ sdkPerson, room }) => {
    test.setTimeout(CASES.length * (WARM_UP + SECONDS + 30) * 1000);
    const rows: Row[] = [];
    const [receiver, sender] = [await sdkPerson("Ada", { line: {} }), await sdkPerson("Ben", { line: {}, camera: CAMERA })];
    const slow = direction === "down" ? receiver : sender;
    for (const [i, conditions] of CASES.entries()) {
      const { rate, loss } = conditions;
      const name = rate === Infinity ? "as it is" : `${rate / 1000} kbit/s, ${100 * loss} % loss`;
      slow.line!.shape({ [direction]: conditions });
      for (const someone of [receiver, sender]) await someone.page.reload();
      await receiver.join(`${room}-${i}`, { slots: 1, video: 1 });
      await sender.join(`${room}-${i}`, { slots: 1, video: 1 });
      await sender.camera(true);
      await expect.poll(async () => (await receiver.videoStats()).received.framesDecoded, { timeout: 30_000 }).toBeGreaterThan(0);
      await watchFluency(receiver, WARM_UP);
      slow.line!.shape({ [direction]: conditions }); // counts from here
      const fluency = await watchFluency(receiver, SECONDS);
      const { passed, dropped } = slow.line!.tally[direction];
      rows.push(rowOf(name, fluency, dropped / (passed + dropped), await layersOf(sender)));
      console.log(rows.at(-1)!.join("  "));

      expect.soft(fluency.longestPause, `${name}: seconds without a new picture`).toBeLessThan(PATIENCE);
      // What the line loses, and a little for the moments in which pictures take too much of it.
      expect.soft(fluency.concealedAudibly, `${name}: share of the sound that was made up`).toBeLessThan(0.05 + 1.2 * loss);
      expect.soft(fluency.audioRate, `${name}: bit/s of sound`).toBeGreaterThan(20_000);
    }
    console.log(table(direction, rows));
  });
}

type Row = string[];

const COLUMNS = [
  "line", "video kbit/s", "sound kbit/s", "frames/s", "size", "freezes", "frozen s", "longest pause s",
  "sound made up %", "as silence %", "jitter buffer ms", "PLI", "resent", "dropped by the queue %", "sender's layers (fps, limited by)",
];

function rowOf(name: string, f: Fluency, dropped: number, layers: string): Row {
  return [
    name,
    (f.videoRate / 1000).toFixed(0),
    (f.audioRate / 1000).toFixed(0),
    f.framesPerSecond.toFixed(1),
    `${f.width}×${f.height}`,
    String(f.freezes),
    f.freezeTime.toFixed(1),
    f.longestPause.toFixed(1),
    (100 * f.concealedAudibly).toFixed(1),
    (100 * (f.concealed - f.concealedAudibly)).toFixed(1),
    f.audioDelay.toFixed(0),
    String(f.plis),
    String(f.retransmitted),
    (100 * dropped).toFixed(1),
    layers,
  ];
}

async function layersOf(sender: SDKPerson): Promise<string> {
  const { sent } = await sender.videoStats();
  return sent.filter(({ frames }) => frames > 0).map((layer) => `${layer.height}p ${layer.framesPerSecond.toFixed(0)} ${layer.limitedBy}`).join(", ");
}

/** In Markdown, so that it can be put into a document. */
function table(direction: "down" | "up", rows: Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const title = direction === "down" ? "The receiver's downlink" : "The sender's uplink";
  return ["", `${title} (20 ms, queue of 250 ms; ${SECONDS} s each):`, "", line(COLUMNS), line(COLUMNS.map(() => "---")), ...rows.map(line), ""].join("\n");
}

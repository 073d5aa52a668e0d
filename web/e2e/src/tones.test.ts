import { describe, expect, it } from "vitest";
import { detectTones, THRESHOLD, TONES } from "./tones.ts";

const RATE = 48_000;
const WINDOW = 32_768;

/** A second of people talking in tones, as the fake microphone makes them: swelling three times a second. */
function talking(tones: number[], amplitude = 0.3): Float32Array {
  return Float32Array.from({ length: WINDOW }, (_, i) => {
    const swell = 0.5 + 0.5 * Math.sin((2 * Math.PI * 3 * i) / RATE);
    return tones.reduce((sum, tone) => sum + amplitude * swell * Math.sin((2 * Math.PI * tone * i) / RATE), 0);
  });
}

const detect = (samples: Float32Array) => detectTones(samples, RATE, TONES, THRESHOLD);

describe("detectTones", () => {
  it("finds nothing in silence", () => {
    expect(detect(new Float32Array(WINDOW))).toEqual([]);
  });

  it("finds nothing in noise", () => {
    let seed = 1;
    const noise = Float32Array.from({ length: WINDOW }, () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return 0.1 * ((2 * seed) / 2_147_483_647 - 1);
    });
    expect(detect(noise)).toEqual([]);
  });

  it("finds each tone, and not its neighbours", () => {
    for (const tone of TONES) {
      expect(detect(talking([tone]))).toEqual([tone]);
    }
  });

  it("finds exactly those that sound together", () => {
    const together = [TONES[0]!, TONES[1]!, TONES[7]!, TONES[15]!];
    expect(detect(talking(together, 0.2))).toEqual(together);
  });

  it("is not misled by harmonics", () => {
    const distorted = talking([TONES[0]!]).map((sample) => Math.max(-0.1, Math.min(0.1, sample)));
    expect(detect(distorted)).toEqual([TONES[0]]);
  });

  it("does not find a tone outside of the bank", () => {
    expect(detect(talking([440]))).toEqual([]);
  });
});

/**
 * The tones that people in the tests play instead of talking, and how they are found again in what others hear.
 *
 * They lie within one octave, so that no harmonic that the codec adds to one of them is another one, and 30 Hz apart,
 * which is many times the width of a bin of the measured window.
 */
export const TONES: readonly number[] = Array.from({ length: 16 }, (_, i) => 520 + 30 * i);

/** How the presence of a tone is decided. */
export interface Threshold {
  /** Least amplitude of a tone, 1 being full scale. */
  floor: number;
  /** Least amplitude in relation to the strongest tone of the same signal. */
  relative: number;
}

/** Found by measuring: the codec leaves less than a tenth of a tone's amplitude in its neighbours. */
export const THRESHOLD: Threshold = { floor: 0.01, relative: 0.25 };

/**
 * Tells which of the tones are in the samples, by the Goertzel algorithm over a Hann window.
 *
 * It refers to nothing outside of itself, since its source text is put into the page that listens.
 */
export function detectTones(
  samples: Float32Array,
  sampleRate: number,
  tones: readonly number[],
  threshold: Threshold,
): number[] {
  const n = samples.length;
  const windowed = samples.map((sample, i) => sample * (1 - Math.cos((2 * Math.PI * i) / (n - 1))));
  const amplitudes = tones.map((tone) => {
    const coefficient = 2 * Math.cos((2 * Math.PI * tone) / sampleRate);
    let last = 0;
    let beforeLast = 0;
    for (const sample of windowed) {
      [last, beforeLast] = [sample + coefficient * last - beforeLast, last];
    }
    const power = last * last + beforeLast * beforeLast - coefficient * last * beforeLast;
    return (2 * Math.sqrt(Math.max(0, power))) / n;
  });
  const least = Math.max(threshold.floor, threshold.relative * Math.max(...amplitudes));
  return tones.filter((_, i) => amplitudes[i]! >= least);
}

import type { SDKPerson } from "./sdk-person.ts";

/** How sound and pictures got to one person over a while. Rates are of RTP, headers included. */
export interface Fluency {
  seconds: number;
  /** Bits per second. */
  videoRate: number;
  audioRate: number;
  framesPerSecond: number;
  /** At the end; 0 before the first picture. */
  width: number;
  height: number;
  freezes: number;
  /** Seconds. */
  freezeTime: number;
  /** Shares of the sound that was played: made up because it was missing; the same without what was made up as silence. */
  concealed: number;
  concealedAudibly: number;
  /** Milliseconds in the jitter buffer, the mean since the call began. */
  audioDelay: number;
  plis: number;
  retransmitted: number;
  /** The longest time without a new picture, in seconds, to half a second. */
  longestPause: number;
}

/** Half a second: how often it is looked whether there are new pictures. */
const STEP = 500;

/** Watches for so many seconds what someone receives. */
export async function watchFluency(person: SDKPerson, seconds: number): Promise<Fluency> {
  const [video, audio] = [await person.videoStats(), await person.stats()];
  const begin = performance.now();
  const longestPause = await person.page.evaluate(pauses, { milliseconds: 1000 * seconds, step: STEP });
  const [videoAfter, audioAfter] = [await person.videoStats(), await person.stats()];
  const elapsed = (performance.now() - begin) / 1000;

  const received = (name: keyof typeof video.received) => videoAfter.received[name] - video.received[name];
  const heard = (name: keyof typeof audio) => audioAfter[name] - audio[name];
  return {
    seconds: elapsed,
    videoRate: (8 * received("bytes")) / elapsed,
    audioRate: (8 * (heard("bytesReceived") + heard("headerBytesReceived"))) / elapsed,
    framesPerSecond: received("framesDecoded") / elapsed,
    width: videoAfter.received.width,
    height: videoAfter.received.height,
    freezes: received("freezes"),
    freezeTime: received("freezeTime"),
    concealed: heard("concealedSamples") / heard("totalSamplesReceived"),
    concealedAudibly: (heard("concealedSamples") - heard("silentConcealedSamples")) / heard("totalSamplesReceived"),
    audioDelay: audioAfter.jitterBufferDelay,
    plis: received("plis"),
    retransmitted: received("retransmittedPackets"),
    longestPause,
  };
}

/** Runs in the page: the longest time, in seconds, in which no picture was decoded. */
async function pauses({ milliseconds, step }: { milliseconds: number; step: number }): Promise<number> {
  const begin = performance.now();
  let [frames, last, longest] = [-1, begin, 0];
  for (let now = begin; now < begin + milliseconds; ) {
    const { received } = await window.videoInstrument.stats();
    now = performance.now();
    if (received.framesDecoded !== frames) [frames, last] = [received.framesDecoded, now];
    longest = Math.max(longest, now - last);
    await new Promise((resolve) => setTimeout(resolve, step));
  }
  return longest / 1000;
}

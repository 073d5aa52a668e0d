import type { ConnectionQuality, QualityScore, VideoQuality } from "./options.js";

/** Counters of one moment, summed over the slots; what is shown is the difference of two. */
export interface Counters {
  received: number;
  lost: number;
  samples: number;
  concealed: number;
  /** Seconds, the worst slot that is in use. */
  jitter: number | undefined;
  /** 0..1, of what we send, by the server's last report. */
  lossUp: number | undefined;
  /** What that report said of the sound. */
  reportUp: { fraction: number; lost: number | undefined } | undefined;
  /** Seconds. */
  roundTrip: number | undefined;
  /** The video slots, by the received track's id; freezes since it began. */
  pictures: ReadonlyMap<string, VideoQuality>;
}

export interface Circumstances {
  connected: boolean;
  /** The WebSocket's round trip in ms, for want of the media's. */
  signalling: number | undefined;
  /** The ids of the tracks in which someone is seen; the other slots' figures are of before. */
  shown: ReadonlySet<string>;
}

/** Reads a report of `getStats`. Names are those of webrtc-stats. `before`: what was read of the same connection the last time. */
export function readCounters(report: Iterable<[string, unknown]>, before?: Counters): Counters {
  const pictures = new Map<string, VideoQuality>();
  const counters: Counters = { received: 0, lost: 0, samples: 0, concealed: 0, jitter: undefined, lossUp: undefined, reportUp: undefined, roundTrip: undefined, pictures };
  let videoLossUp: number | undefined;
  const stats = new Map(report) as Map<string, Record<string, number | string | undefined>>;
  let pair: string | undefined;
  for (const entry of stats.values()) {
    const number = (name: string) => (typeof entry[name] === "number" ? entry[name] : 0);
    switch (entry["type"]) {
      case "inbound-rtp":
        counters.received += number("packetsReceived");
        counters.lost += number("packetsLost");
        if (entry["kind"] === "video") {
          pictures.set(String(entry["trackIdentifier"]), {
            width: number("frameWidth"), height: number("frameHeight"), framesPerSecond: number("framesPerSecond"), freezes: number("freezeCount"),
          });
          break; // a frame's packets come in a burst: their jitter says nothing of the sound
        }
        counters.samples += number("totalSamplesReceived");
        // Silence made up in a pause is no flaw: nobody was to be heard.
        counters.concealed += number("concealedSamples") - number("silentConcealedSamples");
        if (number("packetsReceived") > 0) counters.jitter = Math.max(counters.jitter ?? 0, number("jitter"));
        break;
      case "remote-inbound-rtp":
        // The sound's, where there is any: of video, a layer that is not sent any more goes on with its last report.
        if (typeof entry["fractionLost"] === "number") {
          if (entry["kind"] === "video") videoLossUp = Math.min(videoLossUp ?? 1, entry["fractionLost"]);
          else counters.reportUp = { fraction: entry["fractionLost"], lost: entry["packetsLost"] as number | undefined };
        }
        if (typeof entry["roundTripTime"] === "number") counters.roundTrip ??= entry["roundTripTime"];
        break;
      case "transport":
        if (typeof entry["selectedCandidatePairId"] === "string") pair = entry["selectedCandidatePairId"];
        break;
      case "candidate-pair": // Firefox has no selectedCandidatePairId
        if (pair === undefined && entry["selected"]) pair = entry["id"] as string;
        break;
    }
  }
  const roundTrip = pair === undefined ? undefined : stats.get(pair)?.["currentRoundTripTime"];
  if (typeof roundTrip === "number") counters.roundTrip = roundTrip;
  counters.lossUp = soundLossUp(before, counters.reportUp) ?? videoLossUp;
  return counters;
}

/**
 * The fraction also covers what the others have lost on the way to them, for Opus to repair it. That is not our connection's: the count of packets is of the way up
 * alone.
 */
function soundLossUp(before: Counters | undefined, now: Counters["reportUp"]): number | undefined {
  if (now === undefined || now.lost === undefined) return now?.fraction;
  const last = before?.reportUp;
  if (last && last.lost === now.lost && last.fraction === now.fraction) return before.lossUp;
  return now.lost > (last?.lost ?? 0) ? now.fraction : 0;
}

/** What happened between two readings. */
export function assess(before: Counters | undefined, now: Counters, { connected, signalling, shown }: Circumstances): ConnectionQuality {
  const since = before ?? { received: 0, lost: 0, samples: 0, concealed: 0 };
  const expected = now.received - since.received + (now.lost - since.lost);
  const samples = now.samples - since.samples;
  const lossDown = expected > 0 ? clamp((now.lost - since.lost) / expected) : undefined;
  const concealment = samples > 0 ? clamp((now.concealed - since.concealed) / samples) : undefined;
  const loss = lossDown === undefined && now.lossUp === undefined ? undefined : Math.max(lossDown ?? 0, now.lossUp ?? 0);
  const roundTrip = now.roundTrip === undefined ? signalling : now.roundTrip * 1000;
  const jitter = now.jitter === undefined ? undefined : now.jitter * 1000;
  const video = largest(before, now, shown);
  return { score: score({ connected, loss, concealment, roundTrip, jitter }), roundTrip, loss, jitter, concealment, video };
}

function largest(before: Counters | undefined, now: Counters, shown: ReadonlySet<string>): VideoQuality | undefined {
  let found: VideoQuality | undefined;
  for (const [id, picture] of now.pictures) {
    const { width, height, framesPerSecond } = picture;
    if (!shown.has(id) || width * height <= (found ? found.width * found.height : 0)) continue;
    found = { width, height, framesPerSecond, freezes: Math.max(0, picture.freezes - (before?.pictures.get(id)?.freezes ?? 0)) };
  }
  return found;
}

interface Measured {
  connected: boolean;
  loss: number | undefined;
  concealment: number | undefined;
  roundTrip: number | undefined;
  jitter: number | undefined;
}

/**
 * Fair: one hears it if one listens for it. Poor: words are lost, or people talk into each other. The delays follow ITU-T G.114 (150 ms one way is
 * good, 400 ms too much), the rest what Opus with in-band FEC hides.
 */
function score({ connected, loss = 0, concealment = 0, roundTrip = 0, jitter = 0 }: Measured): QualityScore {
  if (!connected) return "lost";
  if (loss > 0.1 || concealment > 0.12 || roundTrip > 600 || jitter > 100) return "poor";
  if (loss > 0.03 || concealment > 0.04 || roundTrip > 250 || jitter > 40) return "fair";
  return "good";
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}

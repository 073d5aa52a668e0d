/** How the camera and the screen are encoded: layers, bit rates, and what gives way when there is not enough of them. */

/** Of webrtc-svc; not in TypeScript's DOM library. */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** The camera's simulcast layers, smallest first; each has twice the width and height of the one before. Bits per second. */
const LAYERS = [
  { rid: "l", maxBitrate: 150_000 },
  { rid: "m", maxBitrate: 500_000 },
  { rid: "h", maxBitrate: 1_700_000 },
] as const;

/** Pixels of the longer side from which on a second and a third layer are worth their bits. */
const TWO_LAYERS = 480;
const THREE_LAYERS = 960;

const SCREEN_BITRATE = 2_500_000;

/** Three temporal layers, or two, or what the browser does by itself: the server drops those that a receiver has no room for. */
const SCALABILITY = ["L1T3", "L1T2", undefined];

/** The camera's m-line. With the layers for a large picture; `tuneCamera` fits them to the track. */
export function addCamera(connection: RTCPeerConnection): RTCRtpTransceiver {
  const scales = layout(Infinity, LAYERS.length);
  return addSending(connection, LAYERS.map(({ rid }, i) => ({ rid, ...scales[i] })));
}

/** The screen's m-line: one layer, since text that is scaled down is of no use. */
export function addScreen(connection: RTCPeerConnection): RTCRtpTransceiver {
  return addSending(connection, [{ maxBitrate: SCREEN_BITRATE }]);
}

/** Fits the layers to what the camera gives. Frames are kept up rather than pixels. */
export async function tuneCamera(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
  const { width, height } = track.getSettings();
  const longer = width && height ? Math.max(width, height) : Infinity;
  await tune(sender, "maintain-framerate", (encodings) => {
    const layers = layout(longer, encodings.length);
    encodings.forEach((encoding, i) => Object.assign(encoding, layers[i]));
  });
}

/** Text stays sharp, if it must be at fewer frames. */
export async function tuneScreen(sender: RTCRtpSender): Promise<void> {
  await tune(sender, "maintain-resolution", (encodings) => encodings.forEach((encoding) => (encoding.maxBitrate = SCREEN_BITRATE)));
}

/**
 * The layers for a picture whose longer side has so many pixels, `count` at most. What is left over is switched off, from the top: the
 * server shall find the smallest first whatever the camera.
 */
export function layout(longer: number, count: number): Pick<Encoding, "active" | "scaleResolutionDownBy" | "maxBitrate">[] {
  const worth = longer >= THREE_LAYERS ? 3 : longer >= TWO_LAYERS ? 2 : 1;
  const used = Math.min(worth, count);
  return Array.from({ length: count }, (_, i) => {
    const active = i < used;
    // A server that takes no simulcast gets the one picture that fits the size.
    const { maxBitrate } = LAYERS[count === 1 ? worth - 1 : Math.min(i, LAYERS.length - 1)]!;
    return { active, scaleResolutionDownBy: active ? 2 ** (used - 1 - i) : 1, maxBitrate };
  });
}

function addSending(connection: RTCPeerConnection, encodings: Encoding[]): RTCRtpTransceiver {
  for (const scalabilityMode of SCALABILITY) {
    const sendEncodings = encodings.map((encoding) => (scalabilityMode ? { ...encoding, scalabilityMode } : encoding));
    try {
      return connection.addTransceiver("video", { direction: "sendonly", sendEncodings });
    } catch {
      // Not with these temporal layers, or no layers at all.
    }
  }
  return connection.addTransceiver("video", { direction: "sendonly" });
}

async function tune(sender: RTCRtpSender, preference: RTCDegradationPreference, change: (encodings: Encoding[]) => void): Promise<void> {
  for (const layered of [true, false]) {
    const parameters = sender.getParameters();
    const encodings = parameters.encodings as Encoding[] | undefined;
    if (!encodings?.length) return; // Firefox, before there is an answer
    change(encodings);
    // The codec that was agreed on may not have the temporal layers that another one would.
    if (!layered) encodings.forEach((encoding) => delete encoding.scalabilityMode);
    parameters.degradationPreference = preference;
    try {
      return await sender.setParameters(parameters);
    } catch {
      // What the browser does by itself is good enough.
    }
  }
}

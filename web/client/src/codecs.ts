/** Which codecs are offered, and in which order. The server's answer keeps the order. */

/** Opus alone: no redundancy of RED's kind, no narrowband codec. What Opus is to do stands in the server's answer. */
export function preferOpus(transceiver: RTCRtpTransceiver): void {
  prefer(transceiver, capabilities("RTCRtpReceiver", "audio").filter((codec) => codec.mimeType.toLowerCase() === "audio/opus"));
}

/**
 * VP8 first, since everyone decodes it and its temporal layers can be dropped on the way; the others behind it, in the browser's order.
 * What the server does not carry is left out: the many profiles of a dozen m-lines would not fit into one frame of the signalling (65,536
 * bytes).
 */
export function preferVideo(transceiver: RTCRtpTransceiver): void {
  const side = transceiver.direction === "sendonly" ? "RTCRtpSender" : "RTCRtpReceiver";
  const carried = capabilities(side, "video").filter(isCarried);
  const first = carried.filter((codec) => nameOf(codec) === "vp8");
  if (!prefer(transceiver, [...first, ...carried.filter((codec) => !first.includes(codec))]) && side === "RTCRtpSender") {
    // Before 2024 preferences were looked up among what can be received, whatever the direction.
    const received = capabilities("RTCRtpReceiver", "video").filter(isCarried);
    prefer(transceiver, received.sort((a, b) => Number(nameOf(b) === "vp8") - Number(nameOf(a) === "vp8")));
  }
}

function isCarried(codec: RTCRtpCodec): boolean {
  const format = codec.sdpFmtpLine ?? "";
  switch (nameOf(codec)) {
    case "vp8":
    case "rtx":
      return true;
    case "vp9":
      return !/profile-id=[1-9]/.test(format);
    case "h264":
      return format.includes("packetization-mode=1");
    case "av1":
      return !/(^|;)\s*profile=[1-9]/.test(format);
    default:
      return false;
  }
}

function nameOf(codec: RTCRtpCodec): string {
  return codec.mimeType.toLowerCase().replace("video/", "");
}

function capabilities(side: "RTCRtpSender" | "RTCRtpReceiver", kind: string): RTCRtpCodec[] {
  const end = side === "RTCRtpSender" ? RTCRtpSender : RTCRtpReceiver;
  return end.getCapabilities?.(kind)?.codecs ?? [];
}

/** A preference only: where it is refused, the browser offers all that it has, and the server takes what it knows. */
function prefer(transceiver: RTCRtpTransceiver, codecs: RTCRtpCodec[]): boolean {
  if (codecs.length === 0) return false;
  try {
    transceiver.setCodecPreferences?.(codecs);
    return true;
  } catch {
    return false;
  }
}

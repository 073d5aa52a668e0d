export type EchoPhase = "recording" | "playing" | "idle";

/**
 * Records a few seconds of a track and plays them back, on the chosen speaker where that is possible. Rejects when this browser
 * cannot record or play.
 */
export async function echo(track: MediaStreamTrack, speaker: string, onphase: (phase: EchoPhase) => void, signal: AbortSignal): Promise<void> {
  try {
    onphase("recording");
    const recording = await record(track, 3000, signal);
    onphase("playing");
    await play(recording, speaker, signal);
  } finally {
    onphase("idle");
  }
}

function record(track: MediaStreamTrack, duration: number, signal: AbortSignal): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(new MediaStream([track]));
    const chunks: Blob[] = [];
    const stop = () => recorder.state !== "inactive" && recorder.stop();
    const timer = setTimeout(stop, duration);
    signal.addEventListener("abort", stop, { once: true });
    recorder.ondataavailable = (event) => chunks.push(event.data);
    recorder.onerror = () => reject(new Error("the recording failed"));
    recorder.onstop = () => {
      clearTimeout(timer);
      resolve(new Blob(chunks, { type: recorder.mimeType }));
    };
    recorder.start();
  });
}

async function play(recording: Blob, speaker: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const url = URL.createObjectURL(recording);
  const audio = new Audio(url);
  try {
    if (speaker && "setSinkId" in audio) await audio.setSinkId(speaker).catch(() => {});
    const over = new Promise<void>((resolve, reject) => {
      audio.onended = () => resolve();
      audio.onerror = () => reject(new Error("the recording cannot be played"));
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await audio.play();
    await over;
  } finally {
    audio.pause();
    URL.revokeObjectURL(url);
  }
}

import { expect, test } from "../src/fixtures.ts";
import type { SDKPerson } from "../src/sdk-person.ts";

const FLASHES = 30;

test("how far sound and picture that were made together are apart at the other end", async ({ sdkPerson, room }) => {
  test.setTimeout(180_000);
  const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
  await ben.page.evaluate(makeFlashes);
  // What capturing, playing and looking do by themselves, without any line in between.
  await ben.page.evaluate(playOneself);
  const own = median(await watchFlashes(ben, FLASHES / 2));
  await ben.page.evaluate(() => document.querySelectorAll("audio, video").forEach((element) => element.remove()));

  await ada.join(room, { slots: 1, video: 1 });
  await ben.join(room, { slots: 1, video: 1 });
  await ben.camera(true);
  await expect.poll(async () => (await ada.videoStats()).received.framesDecoded).toBeGreaterThan(20);
  const offsets = (await watchFlashes(ada, FLASHES)).map((offset) => offset - own).sort((a, b) => a - b);
  const quantile = (q: number) => offsets[Math.floor(q * (offsets.length - 1))]!.toFixed(0);
  console.log(
    `the picture comes ${median(offsets).toFixed(0)} ms after its sound (median of ${offsets.length}, 10 % below ${quantile(0.1)} ms, 10 % above ${quantile(0.9)} ms; ` +
      `the ${own.toFixed(0)} ms between them at the sender itself are taken off)`,
  );
});

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

/** Runs in the page: plays what microphone and camera give, without anyone between. */
async function playOneself(): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) {
    const element = document.createElement(track.kind as "audio" | "video");
    element.srcObject = new MediaStream([track]);
    element.muted = true;
    element.style.width = "320px";
    document.body.append(element);
    await element.play();
  }
}

/** Runs in the page: from now on microphone and camera show and play the same things, a flash and a beep every 0.7 to 1.1 s. */
function makeFlashes(): void {
  const BEEP = 0.08;
  const audio = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
  const tone = new OscillatorNode(audio, { frequency: 1_000 });
  const beep = new GainNode(audio, { gain: 0 });
  const destination = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  tone.connect(beep).connect(destination);
  tone.start();
  void audio.resume();

  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 640, height: 360 });
  const context = canvas.getContext("2d", { alpha: false })!;
  let lit = false;
  let frame = 0;
  const draw = () => {
    context.fillStyle = lit ? "#fff" : "#111";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#777";
    context.fillRect((frame++ * 16) % canvas.width, 0, 40, 40);
  };
  draw();
  setInterval(draw, 1000 / 30);
  const camera = canvas.captureStream().getVideoTracks()[0]!;

  // The clock of the sound leads: the picture is drawn when the beep begins to be rendered.
  let next = audio.currentTime + 1;
  const schedule = () => {
    beep.gain.setValueAtTime(0.5, next);
    beep.gain.setValueAtTime(0, next + BEEP);
  };
  schedule();
  setInterval(() => {
    const shines = audio.currentTime >= next && audio.currentTime < next + BEEP;
    if (shines !== lit) {
      lit = shines;
      draw();
    }
    if (audio.currentTime < next + BEEP) return;
    next += 0.7 + 0.4 * Math.random();
    schedule();
  }, 2);

  navigator.mediaDevices.getUserMedia = async (constraints = {}) =>
    new MediaStream([
      ...(constraints.audio ? [destination.stream.getAudioTracks()[0]!.clone()] : []),
      ...(constraints.video ? [camera.clone()] : []),
    ]);
}

/** The milliseconds from beep to flash, as they come out of a page, of so many of them. */
function watchFlashes(viewer: SDKPerson, count: number): Promise<number[]> {
  return viewer.page.evaluate(async (count) => {
    /** Further apart, a beep and a flash do not belong together. */
    const TOGETHER = 300;
    const [beeps, flashes]: [number[], number[]] = [[], []];

    const elements = [...document.querySelectorAll("audio")];
    const track = elements.map(({ srcObject }) => (srcObject as MediaStream).getAudioTracks()[0]!)[0]!;
    const audio = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
    await audio.resume();
    const ear = `registerProcessor("ear", class extends AudioWorkletProcessor {
      quiet = 0;
      process([[samples]]) {
        for (const [i, sample] of (samples ?? []).entries()) {
          if (Math.abs(sample) < 0.1) this.quiet++;
          else {
            if (this.quiet > 0.2 * sampleRate) this.port.postMessage(currentTime + i / sampleRate);
            this.quiet = 0;
          }
        }
        return true;
      }
    });`;
    await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([ear], { type: "text/javascript" })));
    const node = new AudioWorkletNode(audio, "ear");
    new MediaStreamAudioSourceNode(audio, { mediaStream: new MediaStream([track]) }).connect(node).connect(audio.destination);
    // When a sample comes out of the speaker, as far as the browser knows that.
    node.port.onmessage = ({ data }) => {
      const { contextTime = 0, performanceTime = 0 } = audio.getOutputTimestamp();
      beeps.push(performanceTime + 1000 * ((data as number) - contextTime));
    };

    const video = document.querySelector("video")!;
    const probe = document.createElement("canvas");
    Object.assign(probe, { width: 1, height: 1 });
    const context = probe.getContext("2d", { willReadFrequently: true })!;
    let lit = true;
    const look = (_: number, { expectedDisplayTime }: VideoFrameCallbackMetadata) => {
      context.drawImage(video, 0, video.videoHeight / 2, video.videoWidth, video.videoHeight / 2, 0, 0, 1, 1);
      const shines = context.getImageData(0, 0, 1, 1).data[0]! > 128;
      if (shines && !lit) flashes.push(expectedDisplayTime);
      lit = shines;
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);

    for (;;) {
      const offsets = beeps.flatMap((beep) => {
        const near = flashes.map((flash) => flash - beep).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
        return near !== undefined && Math.abs(near) < TOGETHER ? [near] : [];
      });
      if (offsets.length >= count) return offsets;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, count);
}

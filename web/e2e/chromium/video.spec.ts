import { expectToHear } from "../src/hearing.ts";
import { expectToSee } from "../src/seeing.ts";
import { expect, test } from "../src/fixtures.ts";
import type { SDKPerson } from "../src/sdk-person.ts";

// What the SDK and the server do. What the page makes of it is in video-call.spec.ts.

/** How often the person's session has been described anew, by the version in the offer's origin (RFC 8866, section 5.2). */
function offers(person: SDKPerson): Promise<string | undefined> {
  return person.page.evaluate(() => /^o=\S+ \d+ (\d+)/m.exec(window.instrument.connections.at(-1)!.localDescription!.sdp)?.[1]);
}

/** The codecs of the pictures that a person receives. */
function codecs(person: SDKPerson): Promise<string[]> {
  return person.page.evaluate(async () => {
    const stats = [...(await window.instrument.connections.at(-1)!.getStats()).values()];
    const received = stats.filter(({ type, kind, framesDecoded }) => type === "inbound-rtp" && kind === "video" && framesDecoded > 0);
    return received.map(({ codecId }) => stats.find(({ id }) => id === codecId).mimeType as string);
  });
}

function ciphers(person: SDKPerson): Promise<string[]> {
  return person.page.evaluate(async () => {
    const stats = [...(await window.instrument.connections.at(-1)!.getStats()).values()];
    return stats.filter(({ type }) => type === "transport").map(({ srtpCipher }) => srtpCipher as string);
  });
}

test("two people see and hear each other, and not themselves; the camera goes off and on, and nothing is negotiated for it", async ({ sdkPerson, room }) => {
  const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
  for (const someone of [ada, ben]) {
    await someone.join(room, { slots: 2, video: 2 });
    await someone.camera(true);
  }
  await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
  await expectToHear(ada, [ben.tone]);
  await expectToHear(ben, [ada.tone]);
  expect(await codecs(ada)).toEqual(["video/VP8"]);

  const before = await offers(ben);
  for (let i = 0; i < 2; i++) {
    await ben.camera(false);
    await expectToSee(ada, []);
    expect(await ada.page.evaluate(() => [...window.room.participants.values()].filter(({ camera }) => camera).map(({ name }) => name))).toEqual(["Ada"]);
    await expectToHear(ada, [ben.tone]);
    await ben.camera(true);
    await expectToSee(ada, [ben.picture]);
  }
  expect(await offers(ben), "the version of the offer").toBe(before);
});

test("pictures are added to a room in which people talk already, and a screen beside them, with its sound", async ({ sdkPerson, room }) => {
  const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
  await ada.join(room, { slots: 3 });
  await ben.join(room, { slots: 3 });
  await expectToHear(ada, [ben.tone]);
  const before = await ada.stats();
  await ben.camera(true);
  await ada.showVideo(3);
  await expectToSee(ada, [ben.picture]);
  await expectToHear(ada, [ben.tone]);
  const after = await ada.stats();
  expect(after.packetsLost - before.packetsLost, "packets of sound lost meanwhile").toBe(0);
  expect(await ada.page.evaluate(() => window.instrument.connections.filter(({ connectionState }) => connectionState !== "closed").length)).toBe(1);

  await ben.shareScreen();
  await expectToSee(ada, [ben.picture, ben.screenPicture]);
  await expectToHear(ada, [ben.tone, ben.screenTone]);
  await ben.page.evaluate(() => window.videoInstrument.endScreen());
  await expectToSee(ada, [ben.picture]);
  await expectToHear(ada, [ben.tone]);
  await ben.shareScreen();
  await expectToSee(ada, [ben.picture, ben.screenPicture]);
  await ben.stopScreen();
  await expectToSee(ada, [ben.picture]);
});

test("with fewer slots than cameras the first is seen, and the next when it goes off", async ({ sdkPerson, room }) => {
  const [ada, ben, cleo] = [await sdkPerson("Ada"), await sdkPerson("Ben"), await sdkPerson("Cleo")];
  await ada.join(room, { slots: 2, video: 1 });
  await ben.join(room, { slots: 2, video: 2 });
  await cleo.join(room, { slots: 2, video: 2 });
  await ben.camera(true);
  await expectToSee(ada, [ben.picture]);
  await cleo.camera(true);
  await Promise.all([expectToSee(ben, [cleo.picture]), expectToSee(cleo, [ben.picture])]);
  await expectToSee(ada, [ben.picture]);
  await ben.camera(false);
  await expectToSee(ada, [cleo.picture]);
  await ben.camera(true);
  await expectToSee(cleo, [ben.picture]);
  await expectToSee(ada, [cleo.picture]);
  await cleo.page.evaluate(() => window.room.leave());
  await expectToSee(ada, [ben.picture]);
});

for (const codec of ["VP9", "H264", "AV1"]) {
  test(`pictures in ${codec}, where that is what the sender wants`, async ({ sdkPerson, room }) => {
    const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
    await ben.page.evaluate((codec) => {
      const { setCodecPreferences } = RTCRtpTransceiver.prototype;
      RTCRtpTransceiver.prototype.setCodecPreferences = function (wished) {
        const is = ({ mimeType }: RTCRtpCodec) => mimeType === `video/${codec}`;
        setCodecPreferences.call(this, [...wished].sort((a, b) => Number(is(b)) - Number(is(a))));
      };
    }, codec);
    await ada.join(room, { slots: 1, video: 1 });
    await ben.join(room, { slots: 1, video: 1 });
    await ben.camera(true);
    await expectToSee(ada, [ben.picture]);
    expect(await codecs(ada)).toEqual([`video/${codec}`]);
  });
}

// The other tests run with the default. Whatever carries sound and picture, a browser must not notice.
for (const transport of ["pion", "lean"]) {
  test.describe(`--transport=${transport}`, () => {
    test.use({ serverOptions: { flags: [`--transport=${transport}`, "--grace=3s"] } });

    test("pictures and sound, encrypted with AES-GCM, and both again after a restart of the server", async ({ sdkPerson, room, server }) => {
      const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
      for (const someone of [ada, ben]) {
        someone.watch.allow(/WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET/);
        await someone.join(room, { slots: 1, video: 1 });
        await someone.camera(true);
      }
      await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
      await expectToHear(ada, [ben.tone]);
      await expectToHear(ben, [ada.tone]);
      expect(await ciphers(ada)).toEqual(["SRTP_AEAD_AES_128_GCM"]);
      await server.stop();
      await server.start();
      await Promise.all([expectToSee(ada, [ben.picture]), expectToSee(ben, [ada.picture])]);
      await expectToHear(ada, [ben.tone]);
    });
  });
}

test.describe("without video slots", () => {
  test.use({ serverOptions: { flags: ["--video-slots=0"] } });

  test("people talk as before", async ({ sdkPerson, room }) => {
    const [ada, ben] = [await sdkPerson("Ada"), await sdkPerson("Ben")];
    await ada.join(room, { slots: 1, video: 1 });
    await ben.join(room, { slots: 1, video: 1 });
    await expectToHear(ada, [ben.tone]);
    await expectToSee(ada, []);
  });
});

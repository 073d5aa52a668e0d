import { expectToHear } from "../src/hearing.ts";
import { expect, test } from "../src/fixtures.ts";

// The other tests run with the default. Whatever carries the voices, a browser must not notice.
for (const transport of ["pion", "lean"]) {
  test.describe(`--transport=${transport}`, () => {
    test.use({ serverOptions: { flags: [`--transport=${transport}`] } });

    test("two people hear each other, encrypted with AES-GCM", async ({ person, room }) => {
      const [ada, ben] = [await person("Ada"), await person("Ben")];
      await ada.enter(room);
      await ben.enter(room);
      await expectToHear(ada, [ben.tone]);
      await expectToHear(ben, [ada.tone]);

      const ciphers = await ada.page.evaluate(async () => {
        const stats = [...(await window.instrument.connections.at(-1)!.getStats()).values()];
        return stats.filter(({ type }) => type === "transport").map(({ srtpCipher }) => srtpCipher);
      });
      expect(ciphers).toEqual(["SRTP_AEAD_AES_128_GCM"]);
    });
  });
}

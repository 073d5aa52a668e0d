import { fileURLToPath } from "node:url";
import type { BrowserContext } from "@playwright/test";
import { build, type Rolldown } from "vite";

const ENTRY = fileURLToPath(new URL("../../client/src/index.ts", import.meta.url));
const PATH = "/sdk-page";

/** The client SDK as one module, as a page of someone else's would load it. */
export async function bundleSDK(): Promise<string> {
  const result = (await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, minify: false, target: "es2022", lib: { entry: ENTRY, formats: ["es"] } },
  })) as Rolldown.RolldownOutput[];
  return result[0]!.output[0].code;
}

/** Adds an empty page with the SDK in `window.sdk` to the server's origin, and gives its address. */
export async function serveSDKPage(context: BrowserContext, origin: string, bundle: string): Promise<string> {
  await context.route(`${origin}${PATH}`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><title>SDK</title><link rel="icon" href="data:,"><body><script type="module">
        import * as sdk from "${PATH}/sdk.js";
        window.sdk = sdk;
      </script>`,
    }),
  );
  await context.route(`${origin}${PATH}/sdk.js`, (route) => route.fulfill({ contentType: "text/javascript", body: bundle }));
  return `${origin}${PATH}`;
}

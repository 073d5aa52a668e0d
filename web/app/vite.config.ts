import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = process.env.HUBBUB_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../dist/app",
    emptyOutDir: true,
    target: ["chrome111", "firefox115", "safari16.4"],
    sourcemap: false,
    // Everything is a file of its own: a data: address would have to be allowed in the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": { target: server, ws: true } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});

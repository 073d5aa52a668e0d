import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["firefox/**/*.test.ts"],
    fileParallelism: false,
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["verbose"],
  },
});

import { defineConfig } from "@playwright/test";
import tests from "./playwright.config.ts";

/** Measurements that people read, apart from the tests that pass or fail. They have the machine to themselves. */
export default defineConfig({ ...tests, testDir: "measure", workers: 1 });

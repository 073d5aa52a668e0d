// Writes dist/package.json, so that `npm publish ./dist` publishes the built files; within the workspaces, Vite takes src itself.
import { copyFile, readFile, writeFile } from "node:fs/promises";

const root = new URL("../", import.meta.url);
const { name, version, description, license, type, sideEffects } = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
const published = {
  name,
  version,
  description,
  license,
  type,
  sideEffects,
  exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
};
await writeFile(new URL("dist/package.json", root), `${JSON.stringify(published, null, 2)}\n`);
await copyFile(new URL("README.md", root), new URL("dist/README.md", root));

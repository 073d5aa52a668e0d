import { expect, test } from "vitest";
import { duration } from "../src/calls/duration";
import { keepCall, takeCall, type KeptCall } from "../src/calls/kept-call";
import { takeToken } from "../src/text/access-token";

test.each([
  [0, "00:00"], [999, "00:00"], [61_500, "01:01"], [3_599_999, "59:59"], [3_600_000, "1:00:00"], [-5, "00:00"],
])("%i ms are %s", (ms, text) => expect(duration(ms)).toBe(text));

/** As much of the browser's storage as is used. */
function storage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => items.set(key, value),
    removeItem: (key: string) => items.delete(key),
  } as unknown as Storage;
}

const kept: KeptCall = { call: "c1", resume: "r", name: "Ann", since: 1_000, at: 5_000, back: "", muted: false, camera: true };

test("a call is kept for the page's next life, once", () => {
  const tab = storage();
  keepCall(kept, tab);
  expect(takeCall(tab, 6_000)).toEqual(kept);
  expect(takeCall(tab, 6_000)).toBeUndefined();
});

test("a call of long ago is not", () => {
  const tab = storage();
  keepCall(kept, tab);
  expect(takeCall(tab, 5_000 + 120_000)).toBeUndefined();
});

test("what is no call does no harm", () => {
  const tab = storage();
  tab.setItem("hubbub.call", "{");
  expect(takeCall(tab)).toBeUndefined();
});

test("a token is taken from the link and kept in the tab", () => {
  const tab = storage();
  const at = (hash: string) => ({ hash, pathname: "/r/tea", search: "" }) as Location;
  const shown: string[] = [];
  globalThis.history = { replaceState: (_: unknown, __: string, url: string) => shown.push(url) } as unknown as History;
  expect(takeToken(at("#token=a.b.c"), tab)).toBe("a.b.c");
  expect(shown).toEqual(["/r/tea"]);
  expect(takeToken(at(""), tab)).toBe("a.b.c");
  expect(takeToken(at("#elsewhere"), storage())).toBeUndefined();
});

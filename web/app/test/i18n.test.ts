import { expect, test } from "vitest";
import { en } from "../src/i18n/en";
import { dictionaries, Language, preferredLocale } from "../src/i18n/language";

/** Every text's path with what kind it is, functions called with plausible arguments. */
function texts(node: unknown, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  if (typeof node === "string") found.set(path, node);
  else if (typeof node === "function") found.set(path, String(node(3, 3)));
  else for (const [key, value] of Object.entries(node as object)) for (const [p, text] of texts(value, `${path}.${key}`)) found.set(p, text);
  return found;
}

const reference = texts(en);

test.each(Object.entries(dictionaries))("%s has the same texts as English, none by accident empty", (_, dictionary) => {
  const own = texts(dictionary);
  expect([...own.keys()]).toEqual([...reference.keys()]);
  for (const [path, text] of own) expect(text === "", path).toBe(reference.get(path) === "");
});

test("Chinese is not left in English", () => {
  const same = [...texts(dictionaries["zh-CN"])].filter(([path, text]) => text !== "" && text === reference.get(path));
  expect(same).toEqual([]);
});

test.each([
  [["zh-TW", "en"], "zh-CN"], [["de", "en-GB"], "en"], [["fr"], "en"], [[], "en"], [["zh"], "zh-CN"],
])("a browser that speaks %j gets %s", (languages, locale) => expect(preferredLocale(languages)).toBe(locale));

test("lists", () => {
  expect(new Language("en").list(["A", "B", "C"])).toBe("A, B, and C");
  expect(new Language("zh-CN").list(["A", "B", "C"])).toBe("A、B和C");
});

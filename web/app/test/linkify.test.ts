import { expect, test } from "vitest";
import { linkify } from "../src/text/linkify";

const links = (text: string) => linkify(text).filter((p) => p.kind === "link").map((p) => p.text);

test.each([
  ["see https://example.org/a?b=c#d for more", ["https://example.org/a?b=c#d"]],
  ["www.example.org, and http://localhost:8080/r/tea.", ["www.example.org", "http://localhost:8080/r/tea"]],
  ["(https://en.wikipedia.org/wiki/Tea_(meal))", ["https://en.wikipedia.org/wiki/Tea_(meal)"]],
  ["看这里：https://example.org/路径。好吗", ["https://example.org/路径"]],
  ["really https://example.org/!?!", ["https://example.org/"]],
  ["javascript:alert(1) data:text/html,x ftp://example.org", []],
  ["https:// http://nodots", []],
  ["", []],
])("%s", (text, expected) => expect(links(text)).toEqual(expected));

test("nothing of the text is lost or changed", () => {
  const text = "a https://x.org/1, (www.y.org) b\nhttps://z.org";
  expect(linkify(text).map((p) => p.text).join("")).toBe(text);
});

test("addresses without a scheme lead to https", () => {
  expect(linkify("www.example.org")).toEqual([{ kind: "link", text: "www.example.org", href: "https://www.example.org/" }]);
});

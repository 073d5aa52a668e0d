import { describe, expect, test } from "vitest";
import { parseWhisper, suggest, type Addressee } from "../src/text/whisper-command";

const people: Addressee[] = ["Anna", "Anna Lee", "Ben", "王小明", "李 娜", "İpek"].map((name, i) => ({ user: `u${i}`, name }));
const twins: Addressee[] = [{ user: "a", name: "Alex" }, { user: "b", name: "alex" }];

describe("parseWhisper", () => {
  test.each([
    ["hello", "none"],
    ["/wave", "none"],
    ["say /w Ben hi", "none"],
    ["/w", "naming"],
    ["/w an", "naming"],
    ["/w Anna", "naming"],
    ["/w nobody hi", "naming"],
  ])("%s is %s", (input, kind) => expect(parseWhisper(input, people).kind).toBe(kind));

  test.each([
    ["/w Ben hi there", "Ben", "hi there"],
    ["/W ben hi", "Ben", "hi"],
    ["/whisper Ben ", "Ben", ""],
    ["/w Anna Lee hi", "Anna Lee", "hi"],
    ["/w Anna Leeds is far", "Anna", "Leeds is far"],
    ["/w Anna hi", "Anna", "hi"],
    ["/w 王小明 你好", "王小明", "你好"],
    ["/w 李 娜 你好", "李 娜", "你好"],
    ['/w "Anna" Lee is here', "Anna", "Lee is here"],
    ["/w “李 娜” 你好", "李 娜", "你好"],
    ["/w İpek selam", "İpek", "selam"],
    ["/w Ben two\nlines", "Ben", "two\nlines"],
  ])("%s goes to %s", (input, name, text) => {
    expect(parseWhisper(input, people)).toMatchObject({ kind: "whisper", to: { name }, text });
  });

  test("two people of one name are not guessed between", () => {
    expect(parseWhisper("/w Alex hi", twins)).toEqual({ kind: "naming", typed: "Alex", candidates: twins });
  });
});

test("suggestions begin with those whose name begins so", () => {
  expect(suggest("le", people).map((p) => p.name)).toEqual(["Anna Lee"]);
  expect(suggest("an", people).map((p) => p.name)).toEqual(["Anna", "Anna Lee"]);
  expect(suggest("", people)).toHaveLength(people.length);
});

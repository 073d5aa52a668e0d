import { expect, test } from "../src/fixtures.ts";

test("chat: read by the others and by who comes later, links, markup, unread messages", async ({ person, room }) => {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.enter(room, "listen");

  await test.step("who comes later can read what was said before", async () => {
    await ada.say("before you came");
    await ben.enter(room, "listen");
    await ben.openChat();
    await expect(ben.get("chat-message")).toContainText("before you came");
  });

  await test.step("what is said is read by the others, links can be followed, markup is text", async () => {
    await ada.say("see https://example.org/a?b=1, <b>not bold</b> 你好");
    const own = ada.get("chat-message").last();
    await expect(own).toContainText("see ");
    await expect(own).toHaveAttribute("data-own", "true");
    await expect(own).toHaveAttribute("data-status", "sent");

    await expect(ben.get("chat-message")).toHaveCount(2);
    const message = ben.get("chat-message").last();
    await expect(message).toHaveAttribute("data-author", "Ada");
    await expect(message).toContainText("<b>not bold</b> 你好");
    const link = message.getByRole("link");
    await expect(link).toHaveAttribute("href", "https://example.org/a?b=1");
    await expect(link).toHaveAttribute("target", "_blank");
    await expect(link).toHaveAttribute("rel", /noopener/);
  });

  await test.step("unread messages are counted until the chat is opened", async () => {
    await ben.get("chat-toggle").click();
    await expect(ben.get("chat")).toBeHidden();
    await ada.say("one");
    await ada.say("two");
    await expect(ben.get("chat-unread")).toHaveText("2");
    await ben.openChat();
    await expect(ben.get("chat-message")).toHaveText([/before/, /see/, /one/, /two/]);
    await expect(ben.get("chat-unread")).toHaveCount(0);
  });
});

test("a whisper reaches one person only, says so, and is answered by one click", async ({ person, room }) => {
  const [ada, ben, cleo] = [await person("Ada"), await person("Ben"), await person("Cleo")];
  for (const someone of [ada, ben, cleo]) await someone.enter(room, "listen");

  await ada.openMenu(ben);
  await ada.get("person-whisper").click();
  await expect(ada.get("whisper-target")).toContainText("Ben");
  await ada.get("chat-input").fill("between us");
  await ada.get("chat-input").press("Enter");
  const sent = ada.get("whisper-message");
  await expect(sent).toHaveAttribute("data-own", "true");
  await expect(sent).toHaveAttribute("data-status", "delivered");

  await ben.openChat();
  await expect(ben.get("whisper-message")).toHaveAttribute("data-author", "Ada");
  await expect(ben.get("whisper-message")).toContainText("between us");
  await ben.get("whisper-reply").click();
  await ben.get("chat-input").fill("and back");
  await ben.get("chat-input").press("Enter");
  await expect(ada.get("whisper-message").last()).toContainText("and back");

  await ada.get("whisper-cancel").click();
  await ada.say("for all");
  await cleo.openChat();
  await expect(cleo.get("chat-message")).toHaveText([/for all/]);
  await expect(cleo.get("whisper-message")).toHaveCount(0);

  await test.step("/w begins a whisper", async () => {
    await ada.say("/w Ben psst");
    await expect(ben.get("whisper-message")).toHaveCount(3);
    await expect(ben.get("whisper-message").last()).toContainText("psst");
    await expect(ben.get("whisper-message").last()).not.toContainText("/w");
    await expect(ada.get("whisper-message").last()).toContainText("psst");
    await expect(ada.get("whisper-message").last()).toHaveAttribute("data-status", "delivered");
    await expect(cleo.get("whisper-message")).toHaveCount(0);
  });
});

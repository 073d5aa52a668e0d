import { createHmac } from "node:crypto";

/** The key that a server with tokens is started with in these tests. */
export const API_KEY = { id: "tests", secret: "a secret of at least thirty-two bytes for tests" };

/** A token that lets its user do what guests may (docs/protocol.md). */
export function accessToken(user: string, name: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    sub: user,
    name,
    exp: Math.floor(Date.now() / 1000) + 3600,
    hubbub: { room: "*", role: "speaker", whisper: "any", call: true, list: true },
  };
  const signed = `${part({ alg: "HS256", typ: "JWT", kid: API_KEY.id })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", API_KEY.secret).update(signed).digest("base64url")}`;
}

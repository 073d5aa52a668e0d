/** 96 random bits; `crypto.randomUUID` is not there on insecure origins, this is. */
export function newNonce(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("-");
}

/** What a page leaves to its next life when it is reloaded in a call. */
export interface KeptCall {
  /** The call's id. */
  call: string;
  /** What resumes the session, see the client's `suspend`. */
  resume: string;
  /** Under which name. */
  name: string;
  /** When the two began to talk, and when the page went away; milliseconds since 1970. */
  since: number;
  at: number;
  /** The room to go back to afterwards. */
  back: string;
  muted: boolean;
  camera: boolean;
}

const key = "hubbub.call";
/** Longer than any server's grace time is likely to be; the server has the last word. */
const good = 120_000;

export function keepCall(kept: KeptCall, storage: Storage = sessionStorage): void {
  try {
    storage.setItem(key, JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: the call ends with the page.
  }
}

/** Gives it once: a page that is opened later begins anew. */
export function takeCall(storage: Storage = sessionStorage, now = Date.now()): KeptCall | undefined {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "null") as KeptCall | null;
    storage.removeItem(key);
    return kept && now - kept.at < good ? kept : undefined;
  } catch {
    return undefined;
  }
}

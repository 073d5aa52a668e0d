export type Delivery = "sending" | "sent" | "delivered" | "stored" | "failed";

/** One text, said to all or whispered. */
export interface Entry {
  key: string;
  kind: "message" | "whisper";
  /** The author. */
  user: string;
  name: string;
  own: boolean;
  /** The other side of a whisper: whom one wrote to, or who wrote. */
  peer?: { user: string; name: string };
  text: string;
  /** Milliseconds since 1970. */
  time: number;
  delivery: Delivery;
}

export type Block =
  | { kind: "day"; key: string; time: number }
  | { kind: "unread"; key: string }
  | { kind: "group"; key: string; entries: Entry[] };

const together = 5 * 60_000;

/**
 * Lays texts out for reading: in order, a line for each new day, one line above the first unread text, and what one person said
 * within five minutes together under one name. A whisper never shares a group with what everyone can read.
 */
export function timeline(entries: readonly Entry[], firstUnread?: string): Block[] {
  const blocks: Block[] = [];
  let last: Entry | undefined;
  let group: Entry[] | undefined;
  for (const entry of entries) {
    if (!last || !sameDay(last.time, entry.time)) {
      blocks.push({ kind: "day", key: `day-${entry.key}`, time: entry.time });
      group = undefined;
    }
    if (entry.key === firstUnread) {
      blocks.push({ kind: "unread", key: "unread" });
      group = undefined;
    }
    if (group && last && belongs(last, entry)) {
      group.push(entry);
    } else {
      group = [entry];
      blocks.push({ kind: "group", key: `group-${entry.key}`, entries: group });
    }
    last = entry;
  }
  return blocks;
}

function belongs(last: Entry, next: Entry): boolean {
  return (
    last.user === next.user &&
    last.kind === next.kind &&
    last.peer?.user === next.peer?.user &&
    next.time - last.time < together
  );
}

function sameDay(a: number, b: number): boolean {
  const [x, y] = [new Date(a), new Date(b)];
  return x.getFullYear() === y.getFullYear() && x.getMonth() === y.getMonth() && x.getDate() === y.getDate();
}

/** Puts a text where its time belongs; almost always that is the end. */
export function insert(entries: Entry[], entry: Entry): void {
  let at = entries.length;
  while (at > 0 && entry.time < entries[at - 1]!.time) at--;
  entries.splice(at, 0, entry);
}

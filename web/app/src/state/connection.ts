import type { Client, Room } from "@hubbub/client";

/** Public for the SDK's own parts, not for the page. */
type Internal = "close" | "hasLeft" | "banned" | "notification" | "hint" | "rejoin";

/** The public face of the SDK's classes: what the page relies on, and what the development fixture stands in for. */
export type VoiceRoom = Pick<Room, Exclude<keyof Room, Internal>>;
export type VoiceClient = Pick<Client, Exclude<keyof Client, "join" | "room">> & {
  join(...args: Parameters<Client["join"]>): Promise<VoiceRoom>;
};

import { HubbubError, type Call, type CallMedia, type User } from "@hubbub/client";
import { Ringtone } from "../audio/ringtone";
import { CallNotification } from "../calls/notification";
import { keepCall, takeCall } from "../calls/kept-call";
import type { App } from "./app.svelte";

/** How a call came to its end, as the page has words for. */
export type OutcomeKind =
  | "declined" | "busy" | "offline" | "unanswered" // of ours
  | "missed" | "elsewhere" // of others'
  | "ended" | "forbidden" | "failed";

export interface Outcome {
  kind: OutcomeKind;
  person: User;
  media: CallMedia;
  /** Milliseconds that the two talked. */
  lasted?: number;
  /** The room that was left for it. */
  back: string;
}

/** The call that one is in. */
export interface CurrentCall {
  id: string;
  person: User;
  /** As which it began; either may turn a camera on or off at any time. */
  media: CallMedia;
  /** Since when, milliseconds since 1970. */
  since: number;
}

/** How long it stays to be read, in milliseconds; longer when there is a room to go back to. */
const shown = 9_000;
const shownWithWayBack = 60_000;

/** Calling and being called, from the first ring to the words after it. The talking itself is a `Session` like any. */
export class Calls {
  /** Those that ring for us, the oldest first. */
  incoming = $state.raw<readonly Call[]>([]);
  /** Whom we are calling; `call` once the server has it. */
  outgoing = $state.raw<{ person: User; media: CallMedia; call?: Call } | null>(null);
  /** The incoming one that was accepted here, until the two are connected. */
  accepting = $state<string>();
  current = $state.raw<CurrentCall | null>(null);
  outcome = $state.raw<Outcome | null>(null);
  /** After a reload, until one is in the call again. */
  returning = $state(false);

  readonly #app: App;
  readonly #ring = new Ringtone();
  readonly #notification = new CallNotification();
  #forget: ReturnType<typeof setTimeout> | undefined;
  /** The room that was left for a call. */
  #back = "";

  constructor(app: App) {
    this.#app = app;
    // Before the client's own, which leaves for good.
    window.addEventListener("pagehide", (event) => {
      if (!event.persisted) this.#keep();
    });
  }

  /** Whether a call is under way, in whichever state. */
  get busy(): boolean {
    return this.outgoing !== null || this.current !== null || this.accepting !== undefined || this.incoming.length > 0 || this.returning;
  }

  /** Whether the connection is to stay: for a call, or for what may be done after it. */
  get needLine(): boolean {
    return this.busy || this.outcome !== null;
  }

  /** The room that accepting or being accepted would take us out of. */
  get leaves(): string {
    const { session } = this.#app;
    return session && !session.call ? session.name : "";
  }

  async place(person: User, media: CallMedia = "audio"): Promise<void> {
    if (this.outgoing || this.current || this.accepting) return;
    this.outgoing = { person, media };
    this.dismiss();
    const { client } = this.#app.line;
    // Asked for now, not when the other has answered already.
    if (!client || !(await this.#microphone())) {
      this.outgoing = null;
      if (client) this.#app.dialog = "microphone";
      return;
    }
    if (!this.outgoing) return;
    // It may come later, or not at all: the call is worth it without.
    if (media === "video") void this.#openCamera();
    this.#ring.start("outgoing");
    try {
      const call = await client.call(person.id, media);
      if (this.outgoing === null) void client.hangup(call.id).catch(() => {}); // cancelled before it began
    } catch (error) {
      if (this.outgoing) this.#over(reasonOf(error), person, media);
    }
  }

  cancel(): void {
    const call = this.outgoing?.call;
    this.outgoing = null;
    this.#sound();
    this.#hangUp(call?.id);
  }

  /** With one's own camera, or with sound alone; the other is seen in any case. */
  async accept(call: Call, withCamera = false): Promise<void> {
    if (this.accepting || this.current) return;
    this.accepting = call.id;
    this.dismiss();
    if (this.outgoing) this.cancel();
    this.#sound();
    if (withCamera) void this.#openCamera();
    else this.#app.camera.close();
    // Whoever has no microphone can still listen; the call's own button asks again.
    await this.#microphone();
    try {
      const accepted = await this.#app.line.client!.answer(call.id, true);
      this.#remove(call);
      await this.#enter(accepted, call.from, Date.now(), { camera: withCamera });
    } catch (error) {
      const tooLate = error instanceof HubbubError && (error.code === 409 || error.code === 404);
      const elsewhere = this.#app.line.client?.calls.some(({ id }) => id === call.id);
      this.#remove(call);
      this.#over(!tooLate ? "failed" : elsewhere ? "elsewhere" : "missed", call.from, call.media);
    } finally {
      this.accepting = undefined;
      this.#remove(call);
    }
  }

  /** Opens camera and microphone, to see oneself before answering. */
  async prepare(): Promise<void> {
    await Promise.all([this.#openCamera(), this.#microphone()]);
    // Closed again, should the call be over already.
    this.#app.settle();
  }

  async decline(call: Call): Promise<void> {
    this.#remove(call);
    await this.#app.line.client?.answer(call.id, false).catch(() => {});
    this.#app.settle();
  }

  hangUp(): void {
    const { current } = this;
    if (!current) return;
    this.#over("ended", current.person, current.media);
    this.#hangUp(current.id);
  }

  /** The connection is over while in a call, or the server put us out. */
  lost(): void {
    if (this.current) this.#over("failed", this.current.person, this.current.media);
  }

  dismiss(): void {
    clearTimeout(this.#forget);
    this.outcome = null;
    this.#app.settle();
  }

  async goBack(): Promise<void> {
    const back = this.outcome?.back;
    if (back) await this.#app.rejoin(back);
    this.dismiss();
  }

  receive(call: Call): void {
    const own = call.from.id === this.#app.line.client?.user?.id;
    if (call.state === "ringing") {
      if (!own) this.#rings(call);
      else if (this.outgoing?.person.id === call.to.id && !this.outgoing.call) this.outgoing = { ...this.outgoing, call };
      return;
    }
    if (own) this.#placed(call);
    else this.#received(call);
  }

  /** A page that was reloaded in a call goes back into it. */
  async restore(): Promise<void> {
    const kept = takeCall();
    if (!kept) return;
    this.returning = true;
    this.#back = kept.back;
    let begun: { person: User; media: CallMedia } | undefined;
    try {
      const client = this.#app.line.open(kept.name, kept.resume);
      const user = await client.connect();
      const call = client.calls.find(({ id, state }) => id === kept.call && state === "accepted");
      if (!call) return;
      begun = { person: call.from.id === user.id ? call.to : call.from, media: call.media };
      if (kept.camera) void this.#openCamera();
      await this.#microphone();
      await this.#enter(call, begun.person, kept.since, kept);
    } catch {
      if (begun) this.#over("failed", begun.person, begun.media);
    } finally {
      this.returning = false;
      this.#app.settle();
    }
  }

  /** What has become of a call that we placed, on this device or another. */
  #placed(call: Call): void {
    if (this.current?.id === call.id) return this.#over("ended", call.to, call.media);
    if (this.outgoing?.call?.id !== call.id) return;
    switch (call.state) {
      case "accepted":
        void this.#enter(call, call.to, Date.now(), { camera: this.#hasCamera }).catch(() => this.#over("failed", call.to, call.media));
        break;
      case "cancelled": // on another device
        this.outgoing = null;
        this.#sound();
        break;
      default:
        this.#over(call.state === "declined" ? "declined" : call.state === "missed" ? "unanswered" : "ended", call.to, call.media);
    }
  }

  #received(call: Call): void {
    if (this.current?.id === call.id) return this.#over("ended", call.from, call.media);
    if (this.accepting === call.id || !this.incoming.some(({ id }) => id === call.id)) return;
    this.#remove(call);
    if (call.state === "accepted") this.#show("elsewhere", call.from, call.media);
    else if (call.state !== "declined") this.#show("missed", call.from, call.media);
    // What was opened to see oneself before answering.
    this.#app.settle();
  }

  #rings(call: Call): void {
    if (this.current || this.incoming.some(({ id }) => id === call.id)) return;
    this.incoming = [...this.incoming, call];
    const { t } = this.#app.language;
    this.#notification.show(t.call.isCalling(call.from.name), t.call[call.media], call.id);
    this.#sound();
  }

  #remove(call: Call): void {
    this.incoming = this.incoming.filter(({ id }) => id !== call.id);
    if (this.incoming.length === 0) this.#notification.close();
    this.#sound();
  }

  #sound(): void {
    if (this.incoming.some(({ id }) => id !== this.accepting)) this.#ring.start("incoming");
    else if (this.outgoing) this.#ring.start("outgoing");
    else this.#ring.stop();
  }

  async #enter(call: Call, person: User, since: number, { muted = false, camera = false }): Promise<void> {
    this.#back = this.leaves || this.#back;
    this.#ring.stop();
    this.current = { id: call.id, person, media: call.media, since };
    await this.#app.enterCall(call, muted);
    this.outgoing = null;
    this.#sound();
    if (camera && this.current?.id === call.id) void this.#app.session?.pictures.cameraOn();
  }

  #over(kind: OutcomeKind, person: User, media: CallMedia): void {
    const lasted = this.current && kind === "ended" ? Date.now() - this.current.since : undefined;
    const talked = this.current !== null;
    this.#show(kind, person, media, lasted, talked ? this.#back : "");
    this.outgoing = this.current = null;
    this.#sound();
    if (talked) {
      this.#back = "";
      this.#app.leaveCall();
    }
    this.#app.settle();
  }

  #show(kind: OutcomeKind, person: User, media: CallMedia, lasted?: number, back = ""): void {
    clearTimeout(this.#forget);
    this.outcome = { kind, person, media, back, ...(lasted !== undefined && { lasted }) };
    this.#forget = setTimeout(() => this.dismiss(), back ? shownWithWayBack : shown);
  }

  /** The connection stays until the server has heard of it. */
  #hangUp(id: string | undefined): void {
    const done = id === undefined ? undefined : this.#app.line.client?.hangup(id).catch(() => {});
    if (done) void done.then(() => this.#app.settle());
    else this.#app.settle();
  }

  async #microphone(): Promise<MediaStreamTrack | null> {
    const { microphone, preferences } = this.#app;
    return microphone.track ?? (await microphone.open(preferences.microphone));
  }

  /** On, or about to be. */
  get #hasCamera(): boolean {
    const { camera } = this.#app;
    return camera.track !== null || camera.opening;
  }

  async #openCamera(): Promise<void> {
    const { camera, preferences, devices } = this.#app;
    if (!camera.track) await camera.open(preferences.camera);
    await devices.refresh();
  }

  #keep(): void {
    const { current } = this;
    const { line, session, name } = this.#app;
    const camera = session?.pictures.camera != null;
    const resume = current ? line.client?.suspend() : undefined;
    if (!current || resume === undefined) return;
    keepCall({ call: current.id, resume, name, since: current.since, at: Date.now(), back: this.#back, muted: session?.muted ?? false, camera });
  }
}

function reasonOf(error: unknown): OutcomeKind {
  const reason = error instanceof HubbubError ? error.reason : "failed";
  return reason === "busy" || reason === "offline" || reason === "forbidden" ? reason : "failed";
}

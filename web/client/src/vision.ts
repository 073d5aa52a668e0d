import { acquireCamera, cameraInPlaceOf, type CameraError, type CameraOptions } from "./camera.js";
import { Capture } from "./capture.js";
import { HubbubError } from "./errors.js";
import type { Media } from "./media.js";
import type { RoomEvents } from "./options.js";
import { Pictures, type PictureSource } from "./pictures.js";
import type { Participant, Slot } from "./protocol.js";
import { ScreenShare } from "./screen.js";

/** What others are told that we show. */
export type Shown = Record<PictureSource, boolean>;

export interface VisionHandlers {
  /** Makes sure that there is a connection, also for whoever came for the texts alone. */
  connect: () => Promise<void>;
  update: (shown: Partial<Shown>) => Promise<unknown>;
  emit: <K extends keyof RoomEvents>(event: K, ...args: Parameters<RoomEvents[K]>) => void;
}

/** All that is seen in a room: our camera and screen, and others' pictures. */
export class Vision {
  readonly #media: Media;
  readonly #handlers: VisionHandlers;
  readonly #camera: Capture<CameraOptions, CameraError>;
  readonly #screen: ScreenShare;
  readonly #pictures: Pictures;
  /** What is sent, and what the server has been told of it, as far as we know. */
  readonly #shown: Shown = { camera: false, screen: false };
  #told: Shown = { camera: false, screen: false };
  #telling: Promise<void> | undefined;
  /** The last change of ours. */
  #applied: Record<PictureSource, Promise<void>> = { camera: Promise.resolve(), screen: Promise.resolve() };

  constructor(media: Media, handlers: VisionHandlers) {
    this.#media = media;
    this.#handlers = handlers;
    this.#camera = new Capture<CameraOptions, CameraError>({
      acquire: acquireCamera,
      again: cameraInPlaceOf,
      returns: false, // a camera that goes on by itself would be a surprise
      changed: (track, error) => {
        this.#apply("camera");
        handlers.emit("camera", track, error);
      },
    });
    this.#screen = new ScreenShare((stream) => {
      this.#apply("screen");
      handlers.emit("screen", stream);
    });
    this.#pictures = new Pictures(() => handlers.emit("video"));
  }

  get camera(): MediaStreamTrack | null {
    return this.#camera.track;
  }

  get screen(): MediaStream | null {
    return this.#screen.stream;
  }

  /** The tracks of the pictures that are received now. */
  get trackIds(): ReadonlySet<string> {
    return this.#pictures.trackIds;
  }

  of(participant: string, source: PictureSource): MediaStreamTrack | null {
    return this.#pictures.of(participant, source);
  }

  async showVideo(slots: number): Promise<void> {
    await this.#media.showVideo(slots);
    // Where there is none yet, it has video from the beginning.
    await this.#handlers.connect();
  }

  async setCamera(track: MediaStreamTrack | null): Promise<void> {
    this.#camera.set(track, false);
    await this.#applied.camera;
  }

  async acquireCamera(options: CameraOptions = {}): Promise<void> {
    try {
      await this.#camera.take(options);
    } catch (error) {
      // Phones give one camera at a time: the other has to be let go first.
      if ((error as CameraError).reason !== "busy" || !this.#camera.owned) throw error;
      this.#camera.set(null, false);
      await this.#camera.take(options);
    }
    await this.#applied.camera;
  }

  async shareScreen(stream?: MediaStream): Promise<void> {
    await this.#screen.share(stream);
    await this.#applied.screen;
  }

  async stopScreen(): Promise<void> {
    this.#screen.stop();
    await this.#applied.screen;
  }

  setSlots(slots: readonly Slot[]): void {
    this.#pictures.setSlots(slots);
  }

  attach(receivers: ReadonlyMap<string, RTCRtpReceiver>): void {
    this.#pictures.attach(receivers);
  }

  participantUpdated(now: Participant, before: Participant): void {
    this.#pictures.told(now, before);
  }

  /** What the server says of us after joining: of another page before this one, or of another life of the room. */
  joined({ camera, screen }: Shown): void {
    this.#told = { camera, screen };
    this.#tell().catch(() => undefined); // the room is left
  }

  close(): void {
    this.#camera.close();
    this.#screen.close();
    this.#pictures.close();
  }

  /** Sends what there is now, and then says so; nothing is sent at once, and then said so. */
  #apply(source: PictureSource): void {
    const done = this.#send(source);
    this.#applied[source] = done;
    done.catch(() => undefined); // whoever asked for it awaits it
  }

  async #send(source: PictureSource): Promise<void> {
    const picture = this.#picture(source);
    this.#shown[source] &&= picture !== null;
    const sent = [this.#media.setTrack(source, picture)];
    if (source === "screen") sent.push(this.#media.setTrack("screen_audio", this.#screen.sound));
    try {
      await Promise.all(sent);
      if (picture) {
        await this.showVideo(0);
        if (this.#media.videoRejected) throw new HubbubError(0, "unsupported", "the server takes no video");
        this.#shown[source] = this.#picture(source) !== null; // or it was turned off meanwhile
      }
    } catch (error) {
      if (picture === this.#picture(source)) {
        if (source === "camera") this.#camera.set(null, false);
        else this.#screen.stop();
      }
      throw error;
    }
    await this.#tell();
  }

  #picture(source: PictureSource): MediaStreamTrack | null {
    return source === "camera" ? this.camera : this.#screen.picture;
  }

  /** One change at a time, until the server knows what is so now. */
  #tell(): Promise<void> {
    this.#telling ??= this.#update().finally(() => (this.#telling = undefined));
    return this.#telling;
  }

  async #update(): Promise<void> {
    for (;;) {
      const now = { ...this.#shown };
      const change: Partial<Shown> = {};
      if (now.camera !== this.#told.camera) change.camera = now.camera;
      if (now.screen !== this.#told.screen) change.screen = now.screen;
      if (Object.keys(change).length === 0) return;
      await this.#handlers.update(change);
      this.#told = now;
    }
  }
}

type Listener = (...args: never[]) => void;

/** Typed events. `Events` maps each name to its listener's signature. */
export class Emitter<Events extends { [K in keyof Events]: Listener }> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>();

  /** Calls `listener` at each `event` until the returned function is called. */
  on<K extends keyof Events>(event: K, listener: Events[K]): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener);
    return () => this.off(event, listener);
  }

  /** As `on`, for the next time only. */
  once<K extends keyof Events>(event: K, listener: Events[K]): () => void {
    const stop = this.on(event, ((...args: Parameters<Events[K]>) => {
      stop();
      (listener as (...args: Parameters<Events[K]>) => void)(...args);
    }) as unknown as Events[K]);
    return stop;
  }

  off<K extends keyof Events>(event: K, listener: Events[K]): void {
    this.#listeners.get(event)?.delete(listener);
  }

  /** A listener that throws is reported as an uncaught error and does not keep the event from the others. */
  protected emit<K extends keyof Events>(event: K, ...args: Parameters<Events[K]>): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (...args: Parameters<Events[K]>) => void)(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Resolves after `delay` ms, or as soon as `signal` is aborted. */
export function sleep(delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    signal?.addEventListener("abort", done, { once: true });
  });
}

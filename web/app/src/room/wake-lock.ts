/** Keeps the screen of a phone on while in a room. Returns how to let go. */
export function keepAwake(): () => void {
  if (!("wakeLock" in navigator)) return () => {};
  let held: WakeLockSentinel | undefined;
  let released = false;
  const ask = async () => {
    if (released || document.visibilityState !== "visible") return;
    try {
      held = await navigator.wakeLock.request("screen");
      if (released) await held.release();
    } catch {
      // Battery saver, or not allowed: the room goes on without.
    }
  };
  // The browser lets go of it whenever the page is hidden.
  document.addEventListener("visibilitychange", ask);
  void ask();
  return () => {
    released = true;
    document.removeEventListener("visibilitychange", ask);
    void held?.release();
  };
}

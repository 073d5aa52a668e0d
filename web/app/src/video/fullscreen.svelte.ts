/** The browser's full screen, where it has one for anything but films (iPhones have not). */
export class FullScreen {
  on = $state(document.fullscreenElement !== null);
  readonly possible = document.fullscreenEnabled;

  /** Keeps `on` true to what is: Escape ends it too. Returns how to stop. */
  follow(): () => void {
    const read = () => (this.on = document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", read);
    return () => document.removeEventListener("fullscreenchange", read);
  }

  /** Shows one element alone, or the whole page. */
  toggle(element: Element = document.documentElement): void {
    if (!this.possible) return;
    // Refused only when it was asked for by nobody's click, which does no harm.
    void (document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen()).catch(() => {});
  }
}

/** A browser's notification of a call, for when the page is not looked at. Nothing where there is none, or it was not allowed. */
export class CallNotification {
  #shown: Notification | undefined;

  show(title: string, body: string, tag: string): void {
    this.close();
    if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
    try {
      const shown = new Notification(title, { body, tag, icon: "/favicon.svg", requireInteraction: true });
      shown.onclick = () => {
        window.focus();
        shown.close();
      };
      this.#shown = shown;
    } catch {
      // Chrome on Android has them for service workers only.
    }
  }

  close(): void {
    this.#shown?.close();
    this.#shown = undefined;
  }
}

/** Asks whether notifications are welcome, unless that was asked before. To be called in a click. */
export function askForNotifications(): void {
  if ("Notification" in window && Notification.permission === "default") void Notification.requestPermission().catch(() => {});
}

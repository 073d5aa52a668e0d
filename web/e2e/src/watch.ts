import type { BrowserContext, ConsoleMessage, Page } from "@playwright/test";

/**
 * Notes what no page of ours may do: errors in the console, exceptions that nobody catches, and requests to other hosts.
 */
export class Watch {
  private readonly findings: string[] = [];
  private readonly allowed: RegExp[] = [];
  /** All that the page printed, for when its test fails. */
  readonly console: string[] = [];

  constructor(
    context: BrowserContext,
    private readonly origin: string,
  ) {
    context.on("request", (request) => this.request(request.url()));
    context.on("page", (page) => this.page(page));
  }

  /** An error that the test brings about on purpose. */
  allow(pattern: RegExp): void {
    this.allowed.push(pattern);
  }

  /** What was found that the test did not allow. */
  get problems(): string[] {
    return this.findings.filter((finding) => !this.allowed.some((pattern) => pattern.test(finding)));
  }

  private page(page: Page): void {
    page.on("console", (message: ConsoleMessage) => {
      this.console.push(`${message.type()}: ${message.text()}`);
      if (message.type() === "error") this.findings.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.findings.push(`exception: ${error.stack ?? error.message}`));
    page.on("websocket", (socket) => this.request(socket.url()));
  }

  private request(address: string): void {
    const url = new URL(address);
    if (url.protocol === "data:" || url.protocol === "blob:") return;
    if (url.host !== new URL(this.origin).host) this.findings.push(`request to another host: ${address}`);
  }
}

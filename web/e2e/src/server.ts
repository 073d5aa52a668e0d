import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePorts } from "./ports.ts";

const BINARY = fileURLToPath(new URL("../../../bin/hubbub", import.meta.url));
const LANES = 2;
const START_TIMEOUT = 15_000;
/** The server promises to be gone 5 s after SIGTERM; the rest is for a machine that is busy. */
const STOP_TIMEOUT = 10_000;

export interface ServerOptions {
  /** Beyond the addresses, which are chosen here. */
  flags?: string[];
  /** The address put into answers. */
  mediaIP?: string;
}

/** A hubbub process of its own, on ports that nobody else uses. */
export class Server {
  private process: ChildProcess | undefined;
  private output = "";

  private constructor(
    private readonly flags: string[],
    readonly port: number,
    readonly adminPort: number,
    readonly mediaPort: number,
  ) {}

  static async start(options: ServerOptions = {}): Promise<Server> {
    const [port, adminPort, mediaPort] = [await freePorts(1), await freePorts(1), await freePorts(LANES)];
    const flags = [
      "serve",
      `--listen=127.0.0.1:${port}`,
      `--admin-listen=127.0.0.1:${adminPort}`,
      `--media-port=${mediaPort}`,
      `--media-ip=${options.mediaIP ?? "127.0.0.1"}`,
      `--lanes=${LANES}`,
      ...(options.flags ?? []),
    ];
    const server = new Server(flags, port, adminPort, mediaPort);
    await server.start();
    return server;
  }

  /** The page's address: a secure origin, as far as browsers are concerned. */
  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** One for each lane. */
  get mediaPorts(): number[] {
    return Array.from({ length: LANES }, (_, lane) => this.mediaPort + lane);
  }

  /** All that the process has printed since it was first started. */
  get log(): string {
    return this.output;
  }

  /** Starts the process, again on the same ports if it was stopped, and waits until it says that it is ready. */
  async start(): Promise<void> {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HUBBUB_")));
    const child = spawn(BINARY, this.flags, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.process = child;
    const killWithUs = () => child.kill("SIGKILL");
    process.once("exit", killWithUs);
    child.once("exit", () => process.removeListener("exit", killWithUs));

    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`hubbub ${why}\n${this.output}`));
      const timer = setTimeout(() => fail(`did not say within ${START_TIMEOUT} ms that it is ready`), START_TIMEOUT);
      child.once("error", (error) => fail(`could not be started: ${error.message} (was it built?)`));
      child.once("exit", (code, signal) => fail(`ended at once: ${signal ?? `exit code ${code}`}`));
      let printed = "";
      child.stdout.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
        this.output += chunk.toString();
        if (/http:\/\/\S+/.test(printed)) {
          clearTimeout(timer);
          resolve();
        }
      });
      child.stderr.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    });
  }

  /** Asks the process to end, and throws when it does not do so in time and with exit code 0. */
  async stop(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
    const [code, signal] = (await exited) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    if (code !== 0) {
      throw new Error(`hubbub ended with ${signal ?? `exit code ${code}`} after SIGTERM, expected 0\n${this.output}`);
    }
  }

  /** Ends the process as a crash or a power cut would: nobody is told. */
  async kill(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  /** Stops the process in its tracks, so that neither signalling nor media answer, until {@link thaw}. */
  freeze(): void {
    this.process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.process?.kill("SIGCONT");
  }
}

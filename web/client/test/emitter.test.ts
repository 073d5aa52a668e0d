import { describe, expect, it } from "vitest";
import { Emitter } from "../src/emitter.js";

class Bell extends Emitter<{ ring: (times: number) => void }> {
  ring(times: number): void {
    this.emit("ring", times);
  }
}

describe("Emitter", () => {
  it("calls until told to stop", () => {
    const bell = new Bell();
    const heard: number[] = [];
    const stop = bell.on("ring", (n) => heard.push(n));
    bell.ring(1);
    stop();
    bell.ring(2);
    expect(heard).toEqual([1]);
  });

  it("calls once", () => {
    const bell = new Bell();
    const heard: number[] = [];
    bell.once("ring", (n) => heard.push(n));
    bell.ring(1);
    bell.ring(2);
    expect(heard).toEqual([1]);
  });

  it("lets listeners come and go while it calls", () => {
    const bell = new Bell();
    const heard: string[] = [];
    const stop = bell.on("ring", () => {
      heard.push("a");
      stop();
      bell.on("ring", () => heard.push("late"));
    });
    bell.on("ring", () => heard.push("b"));
    bell.ring(1);
    expect(heard).toEqual(["a", "b"]);
  });
});

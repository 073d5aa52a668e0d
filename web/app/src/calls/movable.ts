import type { Attachment } from "svelte/attachments";
import type { Point } from "./corner";

/** Pixels that a finger may tremble before it counts as moving something. */
const tremble = 6;

export interface Moves {
  /** Where it is when it is taken up. */
  from: () => Point;
  /** It is being moved. */
  to: (at: Point) => void;
  /** It was let go, at this speed in CSS pixels per millisecond. */
  end: (at: Point, speed: Point) => void;
  key: (event: KeyboardEvent) => void;
}

/** Lets something be moved by mouse, pen and finger, and by keys while the focus is within. What is within can still be clicked. */
export function movable(moves: Moves): Attachment<HTMLElement> {
  return (element) => {
    const listening = new AbortController();
    const { signal } = listening;
    let grip: { id: number; pointer: Point; origin: Point } | undefined;
    let moved = false;
    let last = { at: { x: 0, y: 0 }, time: 0, speed: { x: 0, y: 0 } };

    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { id: event.pointerId, pointer: { x: event.clientX, y: event.clientY }, origin: moves.from() };
      moved = false;
      last = { at: grip.origin, time: event.timeStamp, speed: { x: 0, y: 0 } };
    }, { signal });

    // Of the window: the first step may lead out of the element.
    window.addEventListener("pointermove", (event) => {
      if (event.pointerId !== grip?.id) return;
      const by = { x: event.clientX - grip.pointer.x, y: event.clientY - grip.pointer.y };
      if (!moved && Math.hypot(by.x, by.y) < tremble) return;
      if (!moved) element.setPointerCapture(event.pointerId);
      moved = true;
      const at = { x: grip.origin.x + by.x, y: grip.origin.y + by.y };
      const elapsed = Math.max(1, event.timeStamp - last.time);
      // Half of it is the speed before: single events are uneven.
      const speed = { x: ((at.x - last.at.x) / elapsed + last.speed.x) / 2, y: ((at.y - last.at.y) / elapsed + last.speed.y) / 2 };
      last = { at, time: event.timeStamp, speed };
      moves.to(at);
    }, { signal });

    const release = (event: PointerEvent) => {
      if (event.pointerId !== grip?.id) return;
      grip = undefined;
      if (!moved) return;
      const rested = event.timeStamp - last.time > 100;
      moves.end(last.at, rested ? { x: 0, y: 0 } : last.speed);
    };
    window.addEventListener("pointerup", release, { signal });
    window.addEventListener("pointercancel", release, { signal });
    // Moving something is not clicking it.
    element.addEventListener("click", (event) => {
      if (!moved) return;
      moved = false;
      event.preventDefault();
      event.stopPropagation();
    }, { signal, capture: true });
    element.addEventListener("keydown", moves.key, { signal });
    return () => listening.abort();
  };
}

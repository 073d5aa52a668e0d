import type { Attachment } from "svelte/attachments";

interface Ring {
  id: string;
  element: HTMLElement;
  level: number;
}

const attack = 0.55;
const decay = 0.14;

/**
 * Lets elements follow people's voices: one animation frame for all of them, which sets nothing but `opacity` and `transform`, and
 * nothing at all for those who are quiet.
 */
export class Rings {
  readonly #levelOf: (id: string) => number;
  readonly #rings = new Set<Ring>();
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #frame = 0;

  constructor(levelOf: (id: string) => number) {
    this.#levelOf = levelOf;
  }

  follow(id: string): Attachment<HTMLElement> {
    return (element) => {
      const ring = { id, element, level: 0 };
      this.#rings.add(ring);
      if (this.#rings.size === 1) this.#frame = requestAnimationFrame(this.#draw);
      return () => {
        this.#rings.delete(ring);
        if (this.#rings.size === 0) cancelAnimationFrame(this.#frame);
      };
    };
  }

  readonly #draw = () => {
    for (const ring of this.#rings) {
      const now = Math.min(1, Math.max(0, this.#levelOf(ring.id)));
      const level = ring.level + (now - ring.level) * (now > ring.level ? attack : decay);
      const next = level < 0.004 ? 0 : level;
      if (next === ring.level) continue;
      ring.level = next;
      // Voices live in the lower half of the scale: the root spreads them out.
      const shown = Math.sqrt(next);
      ring.element.style.opacity = next === 0 ? "0" : (0.25 + 0.75 * shown).toFixed(3);
      if (!this.#calm.matches) ring.element.style.transform = `scale(${(1 + 0.09 * shown).toFixed(4)})`;
    }
    this.#frame = requestAnimationFrame(this.#draw);
  };
}

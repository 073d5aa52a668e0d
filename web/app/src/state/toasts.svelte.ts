export interface Toast {
  id: number;
  text: string;
}

const shown = 5000;
const atOnce = 3;

/** Passing notices; the newest few are seen for some seconds. */
export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #ids = 0;

  show(text: string): void {
    if (this.list.some((toast) => toast.text === text)) return;
    const toast = { id: this.#ids++, text };
    this.list = [...this.list, toast].slice(-atOnce);
    setTimeout(() => this.dismiss(toast.id), shown);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

import type { TunnelError } from './tunnel-error.ts';

/** What a user may want to know while a tunnel lives. */
export interface TroubleObserver {
  /** The connection to the cloud does not work now; it is tried again. */
  onTrouble?: (error: TunnelError) => void;
  /** It works again, and nothing was lost. */
  onRecovered?: () => void;
}

/** Joins the troubles of all that goes on at once into one: told when the first begins and when the last ends. */
export class Trouble {
  readonly #observer: TroubleObserver;
  readonly #open = new Set<object>();

  constructor(observer: TroubleObserver) {
    this.#observer = observer;
  }

  began(key: object, error: TunnelError): void {
    if (this.#open.size === 0) this.#observer.onTrouble?.(error);
    this.#open.add(key);
  }

  ended(key: object): void {
    if (this.#open.delete(key) && this.#open.size === 0) this.#observer.onRecovered?.();
  }

  /** Forgets one who will not go on. */
  forget(key: object): void {
    this.#open.delete(key);
  }
}

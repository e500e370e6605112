type Listener = () => void;

/** Tells those who watch a key of one store object that it changed. */
export class Notices {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Calls `listener` with each change of `key`, until the function that it returns is called. */
  watch(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  /** The value of `key` was written or removed. */
  changed(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) heard(listener);
  }
}

/** Tells a listener. Where it fails, that is not the failure of the write that it is told of. */
export function heard(listener: Listener): void {
  try {
    listener();
  } catch {
    // It was a hint.
  }
}

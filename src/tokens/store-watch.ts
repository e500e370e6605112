import type { TokenStore } from '../stores/token-store.js';

/**
 * Hears of what others write under one key of a store that can tell. What is written through {@link own} is no news.
 * The store holds it weakly: a session that nobody closes can still be collected.
 */
export class StoreWatch {
  readonly #store: TokenStore;
  readonly #key: string;
  readonly #onNews: () => void;
  #begun = false;
  #end: (() => void) | undefined;
  #writing = 0;
  /** Of the writes that are under way: how many succeeded, and how many changes were heard of meanwhile. */
  #written = 0;
  #heard = 0;

  /** @param onNews called when someone else changed the value; it must not throw */
  constructor(store: TokenStore, key: string, onNews: () => void) {
    this.#store = store;
    this.#key = key;
    this.#onNews = onNews;
  }

  /** Listens from now on; further calls do nothing. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    try {
      this.#end = new WeakListener(this).listen(this.#store, this.#key);
    } catch {
      // A hint that a store cannot give is no failure: it is read when it matters.
    }
  }

  /** Listens no more, for good. */
  end(): void {
    this.#begun = true;
    this.#end?.();
    this.#end = undefined;
  }

  /** Runs a write of our own. Of the changes that are heard of meanwhile, one is ours. */
  async own<T>(write: () => Promise<T>): Promise<T> {
    this.#writing++;
    try {
      const result = await write();
      this.#written++;
      return result;
    } finally {
      this.#writing--;
      if (this.#writing === 0) this.#compare();
    }
  }

  /** The store says that the value changed. */
  heard(): void {
    if (this.#writing > 0) this.#heard++;
    else this.#onNews();
  }

  #compare(): void {
    const byOthers = this.#heard > this.#written;
    this.#heard = 0;
    this.#written = 0;
    if (byOthers) this.#onNews();
  }
}

/** What the store gets to hold in place of a watch. It ends itself once the watch is gone. */
class WeakListener {
  readonly #watch: WeakRef<StoreWatch>;
  /** Held from here, and so by the store: a registry that nobody holds forgets what it was to do. */
  readonly #registry: FinalizationRegistry<undefined>;
  #stop: (() => void) | undefined;

  constructor(watch: StoreWatch) {
    this.#watch = new WeakRef(watch);
    this.#registry = new FinalizationRegistry(() => this.#stop?.());
    this.#registry.register(watch, undefined, this);
  }

  listen(store: TokenStore, key: string): (() => void) | undefined {
    this.#stop = store.watch?.(key, () => this.#watch.deref()?.heard());
    return this.#stop && (() => this.#leave());
  }

  #leave(): void {
    this.#registry.unregister(this);
    this.#stop?.();
  }
}

import type { SecretStorageLike } from '../../src/stores/secret-storage.js';

type Listener = (event: { readonly key: string }) => unknown;

/** What the windows of one editor share: an extension's secrets. Like the editor's, it answers later and tells every window of a change. */
export class EditorSecrets {
  readonly content = new Map<string, string>();
  readonly listeners = new Set<Listener>();
  /** How long a call takes, in turns of the event loop. */
  turns = 1;
  /** What calls do instead of answering. */
  failing: Partial<Record<'get' | 'store' | 'delete' | 'keys', () => Promise<never>>> = {};

  /** The `context.secrets` of one window; `keys: false` is an older editor. */
  window(options: { keys?: boolean; events?: boolean } = {}): SecretStorageLike {
    const { keys = true, events = true } = options;
    const answer = async <T>(call: keyof typeof this.failing, work: () => T): Promise<T> => {
      for (let turn = 0; turn < this.turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await this.failing[call]?.();
      return work();
    };
    return {
      get: (key) => answer('get', () => this.content.get(key)),
      store: (key, value) => answer('store', () => void this.#tell(this.content.set(key, value), key)),
      delete: (key) => answer('delete', () => void this.#tell(this.content.delete(key), key)),
      ...(keys && { keys: () => answer('keys', () => [...this.content.keys()]) }),
      ...(events && {
        onDidChange: (listener: Listener) => {
          const own: Listener = (event) => listener(event);
          this.listeners.add(own);
          return { dispose: () => this.listeners.delete(own) };
        },
      }),
    };
  }

  #tell(_done: unknown, key: string): void {
    for (const listener of [...this.listeners]) listener({ key });
  }
}

import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { entryName } from './file-envelope.js';
import { heard } from './notices.js';

/**
 * Tells everyone in this process who watches a key of the same place (a directory, a keychain's service) that it changed: store objects
 * for one place know nothing of each other. What is said names neither key nor value.
 */
export class ProcessNotices {
  readonly #place: string;

  /** @param place - What objects over the same content have in common, e.g. `file:` and the directory. */
  constructor(place: string) {
    this.#place = place;
  }

  /** Calls `listener` with each change of `key`, until the function that it returns is called. */
  watch(key: string, listener: () => void): () => void {
    const name = this.#channelOf(key);
    const onMessage = () => heard(listener);
    subscribe(name, onMessage);
    return () => void unsubscribe(name, onMessage);
  }

  /** The value of `key` was written or removed. */
  changed(key: string): void {
    channel(this.#channelOf(key)).publish({});
  }

  #channelOf(key: string): string {
    return `mcp-oauth-client:changed:${entryName(`${this.#place}\n${key}`)}`;
  }
}

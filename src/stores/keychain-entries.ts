import { McpOAuthError } from '../errors.js';
import type { DatedValue } from './dated-value.js';
import type { Keychain } from './keychain.js';
import {
  describeParts,
  EMPTY_HEAD,
  encodeEntry,
  encodeParts,
  type Head,
  LEFTOVERS_LENGTH,
  parseHead,
  parseParts,
  type Slot,
  withLeftovers,
} from './keychain-format.js';
import { isStray } from './keychain-survey.js';

/** How often a reader without the lock starts again while others write. */
const READS = 5;
const MOST_SET_ASIDE = 1_000;

/** What is stored under a name. `damaged` may also be what a reader without the lock sees while others write. */
export type Found = DatedValue | 'nothing' | 'damaged' | 'newer';

/** One look at a name. */
export interface Reading {
  readonly head: Head | undefined;
  readonly found: Found;
}

/** Called before each write; what it throws stops the writer there. */
export type Check = () => Promise<void>;

/**
 * Values in a keychain whose entries are bounded, each under a name of 64 characters. A short one is the item of that name, changed in
 * place. A long one is cut into parts `<name>.a.<n>` or `<name>.b.<n>`, and the item of the name tells which of the two slots counts.
 *
 * A new text goes to the slot that does not count, then one write of the head makes it count, then the former parts are removed. So
 * whoever reads, even after a kill at any point, finds the former value or the new one. The parts of a slot are written upwards and
 * removed downwards, and a head says when there may be any: what a kill leaves behind is removed by the next write.
 *
 * Writers of one name must not overlap.
 */
export class KeychainEntries {
  readonly #keychain: Keychain;
  readonly #maxUnits: number;

  constructor(keychain: Keychain, maxEntryBytes: number) {
    this.#keychain = keychain;
    this.#maxUnits = Math.floor(maxEntryBytes / 2);
  }

  async read(name: string): Promise<Reading> {
    let seen: string | undefined;
    for (let attempt = 0; attempt < READS; attempt++) {
      const text = await this.#keychain.get(name);
      const head = text === undefined ? undefined : parseHead(text, name);
      if (head?.kind !== 'parts') return { head, found: foundIn(head) };
      // The same head twice and not the parts it names: nobody is writing, or only what does not count.
      if (text === seen) return { head, found: 'damaged' };
      seen = text;
      const found: (string | undefined)[] = [];
      for (let part = 0; part < head.parts.count; part++) {
        found.push(await this.#keychain.get(partName(name, head.parts.slot, part)));
      }
      const entry = parseParts(found, head.parts, name);
      if (entry !== undefined) return { head, found: entry };
    }
    return { head: undefined, found: 'damaged' };
  }

  /**
   * Writes the whole value or none of it; where it fails, `check` included, the former one stays.
   *
   * @param former - The head as it was read within the same lock
   */
  async write(name: string, entry: DatedValue, former: Head | undefined, check: Check): Promise<void> {
    const text = encodeEntry(entry);
    if (text.length + LEFTOVERS_LENGTH <= this.#maxUnits) await this.#writeWhole(name, text, former, check);
    else await this.#writeParts(name, text, former, check);
  }

  /** Removes the value first and its parts then. */
  async remove(name: string, check: Check): Promise<void> {
    const head = await this.#head(name);
    if (head === undefined) return;
    if (head.kind !== 'value' || head.leftovers) {
      if (head.kind !== 'empty') await this.#set(name, EMPTY_HEAD, check);
      await this.#clearBoth(name, head, check);
    }
    await check();
    await this.#keychain.delete(name);
  }

  /** Removes those of the accounts that are of no use. */
  async tidy(name: string, accounts: readonly string[], check: Check): Promise<void> {
    const head = await this.#head(name);
    for (const account of accounts.filter((candidate) => candidate !== name && isStray(candidate, head))) {
      await check();
      await this.#keychain.delete(account);
    }
    if (head?.kind === 'empty') await this.remove(name, check);
  }

  /**
   * Moves what is stored under the name, all parts included, to the first free name `<name>.corrupt-<n>`.
   * @returns that name
   */
  async setAside(name: string, check: Check): Promise<string> {
    const text = await this.#keychain.get(name);
    const aside = await this.#freeName(name);
    const head = text === undefined ? undefined : parseHead(text, name);
    for (const slot of ['a', 'b'] as const) {
      const known = head?.kind === 'parts' && head.parts.slot === slot ? head.parts.count : 0;
      for (let part = 0; ; part++) {
        const found = await this.#keychain.get(partName(name, slot, part));
        if (found !== undefined) await this.#set(partName(aside, slot, part), found, check);
        else if (part >= known) break;
      }
    }
    // Last, so that a name with a head stands for a copy that is complete.
    await this.#set(aside, text ?? '', check);
    await this.remove(name, check);
    return aside;
  }

  async #freeName(name: string): Promise<string> {
    for (let n = 1; n < MOST_SET_ASIDE; n++) {
      const aside = `${name}.corrupt-${n}`;
      if ((await this.#keychain.get(aside)) === undefined) return aside;
    }
    throw new McpOAuthError(
      'store_failed',
      'There are too many damaged items in the keychain. Remove those whose names contain ".corrupt-".',
      { stage: 'store' },
    );
  }

  async #writeWhole(name: string, text: string, former: Head | undefined, check: Check): Promise<void> {
    if (former === undefined || (former.kind === 'value' && !former.leftovers)) {
      return this.#set(name, text, check);
    }
    await this.#set(name, withLeftovers(text), check);
    await harmless(async () => {
      await this.#clearBoth(name, former, check);
      await this.#set(name, text, check);
    });
  }

  async #writeParts(name: string, text: string, former: Head | undefined, check: Check): Promise<void> {
    const slot = former?.kind === 'parts' ? otherThan(former.parts.slot) : 'a';
    // Before there are parts, the head has to say that there may be.
    if (former === undefined) await this.#set(name, EMPTY_HEAD, check);
    else if (former.kind === 'value' && !former.leftovers) {
      await this.#set(name, withLeftovers(encodeEntry(former.entry)), check);
    }
    const count = Math.ceil(text.length / this.#maxUnits);
    for (let part = 0; part < count; part++) {
      const piece = text.slice(part * this.#maxUnits, (part + 1) * this.#maxUnits);
      await this.#set(partName(name, slot, part), piece, check);
    }
    await this.#clear(name, slot, count, count, check);
    await this.#set(name, encodeParts(describeParts(text, slot, count)), check);
    const known = former?.kind === 'parts' ? former.parts.count : 0;
    await harmless(() => this.#clear(name, otherThan(slot), 0, known, check));
  }

  async #head(name: string): Promise<Head | undefined> {
    const text = await this.#keychain.get(name);
    return text === undefined ? undefined : parseHead(text, name);
  }

  async #clearBoth(name: string, head: Head | undefined, check: Check): Promise<void> {
    const parts = head?.kind === 'parts' ? head.parts : undefined;
    await this.#clear(name, 'a', 0, parts?.slot === 'a' ? parts.count : 0, check);
    await this.#clear(name, 'b', 0, parts?.slot === 'b' ? parts.count : 0, check);
  }

  /** Removes the parts of a slot from the last one down to `from`; at least `known` are to be expected. */
  async #clear(name: string, slot: Slot, from: number, known: number, check: Check): Promise<void> {
    let end = known;
    while ((await this.#keychain.get(partName(name, slot, end))) !== undefined) end++;
    for (let part = end - 1; part >= from; part--) {
      await check();
      await this.#keychain.delete(partName(name, slot, part));
    }
  }

  async #set(account: string, secret: string, check: Check): Promise<void> {
    await check();
    await this.#keychain.set(account, secret);
  }
}

function foundIn(head: Exclude<Head, { kind: 'parts' }> | undefined): Found {
  if (head === undefined) return 'nothing';
  if (head.kind === 'value') return head.entry;
  return head.kind === 'empty' ? 'nothing' : head.kind;
}

function partName(name: string, slot: Slot, part: number): string {
  return `${name}.${slot}.${part}`;
}

function otherThan(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

/** The value is written: what is left to do then is done by the next write as well. */
async function harmless(work: () => Promise<void>): Promise<void> {
  await work().catch(() => undefined);
}

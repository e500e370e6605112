import type { DatedValue } from './dated-value.js';
import type { Keychain } from './keychain.js';
import { type Head, type Parts, parseHead, parseParts } from './keychain-format.js';

const HEAD = /^[0-9a-f]{64}$/;
const PART = /^([0-9a-f]{64})\.([ab])\.(\d+)$/;

/** What all items of the service are, at one look. Others may be writing meanwhile. */
export interface Survey {
  /** By name. */
  readonly entries: ReadonlyMap<string, DatedValue>;
  /** Names whose items do not fit together: damaged, of a newer version, or being written. */
  readonly unsettled: readonly string[];
  /** The accounts of items that seem to be of no use, by the name they belong to: parts that do not count, heads without a value. */
  readonly strays: ReadonlyMap<string, readonly string[]>;
}

/** Looks at all items of the service. What does not look like an item of this library is not looked at. */
export async function surveyKeychain(keychain: Keychain): Promise<Survey> {
  const items = new Map((await keychain.list()).map(({ account, secret }) => [account, secret]));
  const heads = new Map<string, Head>();
  for (const [account, text] of items) if (HEAD.test(account)) heads.set(account, parseHead(text, account));
  const entries = new Map<string, DatedValue>();
  const unsettled: string[] = [];
  for (const [name, head] of heads) {
    const entry = entryOf(head, name, items);
    if (entry !== undefined) entries.set(name, entry);
    else if (head.kind !== 'empty') unsettled.push(name);
  }
  return { entries, unsettled, strays: straysAmong(items.keys(), heads) };
}

/** Whether the item is of no use beside this head. */
export function isStray(account: string, head: Head | undefined): boolean {
  if (head?.kind === 'damaged' || head?.kind === 'newer') return false;
  const [, name, slot, part] = PART.exec(account) ?? [];
  if (name === undefined) return head?.kind === 'empty';
  return head?.kind !== 'parts' || head.parts.slot !== slot || Number(part) >= head.parts.count;
}

function entryOf(head: Head, name: string, items: ReadonlyMap<string, string>): DatedValue | undefined {
  if (head.kind === 'value') return head.entry;
  return head.kind === 'parts' ? parseParts(partsOf(items, name, head.parts), head.parts, name) : undefined;
}

function partsOf(items: ReadonlyMap<string, string>, name: string, { slot, count }: Parts): (string | undefined)[] {
  return Array.from({ length: count }, (_, part) => items.get(`${name}.${slot}.${part}`));
}

function straysAmong(accounts: Iterable<string>, heads: ReadonlyMap<string, Head>): Map<string, string[]> {
  const strays = new Map<string, string[]>();
  for (const account of accounts) {
    const name = HEAD.test(account) ? account : PART.exec(account)?.[1];
    if (name === undefined || !isStray(account, heads.get(name))) continue;
    strays.set(name, [...(strays.get(name) ?? []), account]);
  }
  return strays;
}

// Runs inside the processes that are killed: every file operation on the store, every request and every step of the browser's way
// is numbered, and the process kills itself at the one it is told to.
import { subscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { relative } from 'node:path';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import type { Moment, Step } from './protocol.js';

type Work = (...args: unknown[]) => Promise<unknown>;
type Table = Record<string, unknown>;

/** Functions that leave something else behind on the disk. */
const CHANGES: ReadonlySet<string> = new Set([
  ...['writeFile', 'appendFile', 'write', 'writev', 'truncate', 'chmod', 'chown', 'utimes', 'mkdir', 'mkdtemp'],
  ...['rename', 'link', 'symlink', 'unlink', 'rm', 'rmdir', 'copyFile', 'cp', 'lutimes', 'lchown'],
]);
const HANDLE = [
  ...['appendFile', 'chmod', 'chown', 'close', 'datasync', 'read', 'readFile', 'readv', 'stat', 'sync'],
  ...['truncate', 'utimes', 'write', 'writeFile', 'writev'],
];
const CREATING = fs.constants.O_CREAT | fs.constants.O_TRUNC;

/** What is a step: each thing the process does that the next one could find done, half done or not done. */
export class Steps {
  readonly seen: Step[] = [];
  readonly #counts = new Map<string, number>();
  readonly #labels = new Map<string, string>();
  readonly #directory: string;
  readonly #killAt: string | undefined;
  readonly #onStep: (step: Step) => void;

  constructor(directory: string, killAt: string | undefined, onStep: (step: Step) => void) {
    this.#directory = directory;
    this.#killAt = killAt;
    this.#onStep = onStep;
  }

  /** Runs `work` as a step. `half` does half of it, for work that a kill can tear. */
  async run<T>(what: string, changes: boolean, work: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    const name = this.begin(what, changes, half !== undefined);
    if (half !== undefined && this.#killAt === `${name} middle`) {
      await half();
      die();
    }
    try {
      return await work();
    } finally {
      this.at(name, 'after');
    }
  }

  /** Numbers a step, and dies before it where it is the one. */
  begin(what: string, changes: boolean, tears = false): string {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    const name = count === 1 ? what : `${what} #${count}`;
    const step = { name, changes, tears };
    this.seen.push(step);
    this.#onStep(step);
    this.at(name, 'before');
    return name;
  }

  at(name: string, moment: Moment): void {
    if (this.#killAt === `${name} ${moment}`) die();
  }

  /** From now on the files of this key are called by its first word: keys hold random parts, and names on the disk are hashes. */
  label(key: string): void {
    this.#labels.set(entryName(key), key.slice(0, key.indexOf('/')));
  }

  /** What a path is called; `undefined` where it is none of the store's. */
  nameOf(path: unknown): string | undefined {
    if (typeof path !== 'string') return undefined;
    const inside = relative(this.#directory, path);
    if (inside === '') return 'the directory';
    if (inside.startsWith('..')) return undefined;
    return inside
      .replace(/[0-9a-f]{64}/g, (hash) => this.#labels.get(hash) ?? 'entry')
      .replace(/\.?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '');
  }
}

/** Ends the process on the spot: the signal is delivered before the call returns. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) fs.fstatSync(1);
}

/** Makes every file operation inside the directory a step, for whoever imports `node:fs/promises` and however. */
export function watchFiles(steps: Steps): void {
  const promises = fs.promises as unknown as Table;
  for (const [name, work] of functionsOf(promises)) {
    promises[name] = (...args: unknown[]) => {
      const path = steps.nameOf(args[0]);
      if (path === undefined) return work(...args);
      const call = async () => {
        const result = await work(...args);
        if (name === 'open') watchHandle(steps, path, result as Table);
        return result;
      };
      const [what, changes] = name === 'open' && isCreating(args[1]) ? ['create', true] : [name, CHANGES.has(name)];
      const half = name === 'writeFile' ? () => work(args[0], firstHalf(args[1]), args[2]) : undefined;
      return steps.run(`${what} ${path}`, changes, call, half);
    };
  }
  refuseOthers(steps);
  syncBuiltinESMExports();
}

/** What is done with a file that is open. */
function watchHandle(steps: Steps, path: string, handle: Table): void {
  for (const name of HANDLE) {
    const work = handle[name];
    if (typeof work !== 'function') continue;
    handle[name] = (...args: unknown[]) => {
      const half = name === 'writeFile' ? () => work.call(handle, firstHalf(args[0])) : undefined;
      return steps.run(`${name} ${path}`, CHANGES.has(name), () => work.apply(handle, args), half);
    };
  }
}

/** The store's other ways to the disk would go unseen. */
function refuseOthers(steps: Steps): void {
  const table = fs as unknown as Table;
  for (const name of [...CHANGES, 'open'].flatMap((one) => [one, `${one}Sync`])) {
    const work = table[name];
    if (typeof work !== 'function') continue;
    table[name] = (...args: unknown[]) => {
      if (steps.nameOf(args[0]) !== undefined) throw new Error(`fs.${name} on the store is not counted as a step`);
      return (work as (...all: unknown[]) => unknown)(...args);
    };
  }
}

function functionsOf(table: Table): [string, Work][] {
  const names = Object.getOwnPropertyNames(table).filter((name) => /^[a-z]/.test(name) && name !== 'constructor');
  return names.flatMap((name): [string, Work][] => {
    const value = Object.getOwnPropertyDescriptor(table, name)?.value as unknown;
    return typeof value === 'function' && value.constructor.name === 'AsyncFunction' ? [[name, value as Work]] : [];
  });
}

function isCreating(flags: unknown): boolean {
  return typeof flags === 'number' ? (flags & CREATING) !== 0 : /^[wa]/.test(String(flags ?? 'r'));
}

function firstHalf(content: unknown): unknown {
  if (typeof content === 'string') return content.slice(0, content.length / 2);
  return content instanceof Uint8Array ? content.subarray(0, content.length / 2) : content;
}

/** The store of the process; it tells the steps which keys its files stand for. */
export class WatchedStore extends FileTokenStore {
  readonly #steps: Steps;

  constructor(options: ConstructorParameters<typeof FileTokenStore>[0], steps: Steps) {
    super(options);
    this.#steps = steps;
  }

  override get(...args: Parameters<FileTokenStore['get']>) {
    this.#steps.label(args[0]);
    return super.get(...args);
  }

  override set(...args: Parameters<FileTokenStore['set']>) {
    this.#steps.label(args[0]);
    return super.set(...args);
  }

  override delete(...args: Parameters<FileTokenStore['delete']>) {
    this.#steps.label(args[0]);
    return super.delete(...args);
  }

  override lock<T>(...args: Parameters<typeof FileTokenStore.prototype.lock<T>>) {
    this.#steps.label(args[0]);
    return super.lock(...args);
  }
}

/** Every request is a step: before it nothing was sent, after it the server has answered and nobody has read the answer. */
export function watchedFetch(steps: Steps): typeof fetch {
  return async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const grant = /grant_type=(\w+)/.exec(String(init?.body ?? ''))?.[1];
    const method = init?.method ?? 'GET';
    const name = [method, pathname, ...(grant === undefined ? [] : [grant])].join(' ');
    return steps.run(name, method === 'POST' && pathname !== '/mcp', async () => {
      const response = await fetch(input, init);
      await response.clone().arrayBuffer();
      return response;
    });
  };
}

/** The way of the browser back: its requests to the callback listener, and the answers to them. */
export function watchCallbacks(steps: Steps): void {
  subscribe('http.server.request.start', () => void steps.begin('the browser comes back', true));
  subscribe('http.server.response.finish', () => void steps.begin('the browser is answered', true));
}

import { readFile } from 'node:fs/promises';
import type { BridgeName } from './bridge-programs.js';

/** What an application installs more than with the SDK alone. */
export interface Packages {
  /** `name@version`, this package among them. */
  readonly besideV1: readonly string[];
  readonly besideV2: readonly string[];
  /** All that a program between stdio and a remote server installs. */
  readonly bridge: Readonly<Record<BridgeName, readonly string[]>>;
}

interface LockEntry {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

interface Lock {
  readonly name: string;
  readonly version: string;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** From the lock file: the packages that this one needs at run time, without those that the SDK's client brings anyway. */
export async function countPackages(): Promise<Packages> {
  const lock = JSON.parse(await readFile(new URL('../package-lock.json', import.meta.url), 'utf8')) as Lock;
  const own = [`${lock.name}@${lock.version}`, ...needed(lock, '')];
  const beside = (sdk: string) => {
    const location = `node_modules/${sdk}`;
    const present = new Set([label(lock, location), ...needed(lock, location)]);
    return own.filter((name) => !present.has(name)).toSorted();
  };
  const all = (name: string) => [label(lock, `node_modules/${name}`), ...needed(lock, `node_modules/${name}`)];
  const bridge = {
    ours: [...new Set([...own, ...all('@modelcontextprotocol/sdk')])].toSorted(),
    mcpRemote: all('mcp-remote').toSorted(),
  };
  return { bridge, besideV1: beside('@modelcontextprotocol/sdk'), besideV2: beside('@modelcontextprotocol/client') };
}

function needed(lock: Lock, from: string): Set<string> {
  const seen = new Set<string>();
  const queue = [from];
  for (let location = queue.pop(); location !== undefined; location = queue.pop()) {
    const entry = lock.packages[location];
    for (const name of Object.keys({ ...entry?.dependencies, ...entry?.optionalDependencies })) {
      const found = locate(lock, location, name);
      if (found === undefined || seen.has(found) || !isForThisMachine(lock.packages[found])) continue;
      seen.add(found);
      queue.push(found);
    }
  }
  return new Set([...seen].map((location) => label(lock, location)));
}

/** Of a package with a binary for each system, npm installs the one that fits. */
function isForThisMachine({ os, cpu, libc }: LockEntry = {}): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const ownLibc = header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  const fits = (allowed: readonly string[] | undefined, own: string) => allowed?.includes(own) ?? true;
  return fits(os, process.platform) && fits(cpu, process.arch) && (process.platform !== 'linux' || fits(libc, ownLibc));
}

/** Where Node would find `name` from `location`; an optional one may be nowhere. */
function locate(lock: Lock, location: string, name: string): string | undefined {
  for (let base = location; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
    const candidate = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (lock.packages[candidate] !== undefined) return candidate;
    if (base === '') return undefined;
  }
}

function label(lock: Lock, location: string): string {
  return `${location.slice(location.lastIndexOf('node_modules/') + 13)}@${lock.packages[location]?.version}`;
}

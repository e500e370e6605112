import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

const ROOT = new URL('../', import.meta.url);
const LOCKFILES = ['package-lock.json', 'test/conformance/runner/package-lock.json'];
/** Licences that ask for their text to be kept and nothing else. */
const PERMISSIVE = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD'];

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8');

function locked(path: string): [name: string, LockedPackage][] {
  const { packages } = JSON.parse(read(path)) as { packages: Record<string, LockedPackage> };
  return Object.entries(packages)
    .filter(([folder]) => folder !== '')
    .map(([folder, found]) => [folder.replace(/^.*node_modules\//, ''), found]);
}

/** What a user's `npm install` brings, on any system. */
const shipped = locked('package-lock.json').filter(([, { dev, devOptional }]) => !dev && !devOptional);

describe('the supply chain', () => {
  it.each(LOCKFILES)('%s names no registry and no machine, and the hash of every package', (path) => {
    const packages = locked(path);
    expect(packages.length).toBeGreaterThan(10);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
    expect(read(path)).not.toMatch(/https?:\/\/(?:localhost|127\.|10\.|192\.168\.)|file:/);
  });

  it('brings no package that runs a script when it is installed', () => {
    expect(shipped.length).toBeGreaterThan(5);
    expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
  });

  it('brings permissive licences alone', () => {
    expect(shipped.filter(([, { license }]) => !PERMISSIVE.includes(license ?? 'none'))).toEqual([]);
  });

  it('lists every package that users install, with its licence, in SECURITY.md', () => {
    const [, section = ''] = read('SECURITY.md').split('## Supply chain');
    const listed = [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \|$/gm)].map(([, name, license]) => [name, license]);
    const family = (name: string) => name.replace(/^@napi-rs\/keyring-.+$/, '@napi-rs/keyring-*');
    const wanted = new Map(shipped.map(([name, { license }]) => [family(name), license]));
    expect(listed).toEqual([...wanted].sort(([a], [b]) => (a < b ? -1 : 1)));
  });
});

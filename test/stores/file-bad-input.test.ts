import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entryName } from '../../src/stores/file-envelope.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';
import { ManualClock } from '../support/clock.js';

const WRITE_STORE = fileURLToPath(new URL('./write-store.ts', import.meta.url));
/** A process of root's writes wherever it likes, unless it gives up its capabilities. */
const PLAIN_USER = process.getuid?.() === 0 ? 'setpriv --bounding-set=-all --inh-caps=-all ' : '';

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'file-bad-input-')), 'sessions');
  await new FileTokenStore({ directory, keyStorage: 'file' }).set('a', 'former');
});
afterEach(async () => {
  await chmod(directory, 0o700).catch(() => {});
  await rm(join(directory, '..'), { recursive: true, force: true });
});

const fileOf = (key: string) => join(directory, `${entryName(key)}.json`);
const open = (clock?: ManualClock) => new FileTokenStore({ directory, keyStorage: 'file', clock });

/** What a process meets at the store that is started by this command of the shell. */
async function outcomesOf(command: string, env: NodeJS.ProcessEnv = {}): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command, 'sh', process.execPath, WRITE_STORE, directory], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

describe.runIf(process.platform !== 'win32')('a store where the system refuses', { timeout: 30_000 }, () => {
  it('no room for the rest of a file (as on a full disk): store_failed, the former value stays, and no half file', async () => {
    const files = await readdir(directory);
    // In blocks of 512 bytes: the new entry begins to be written, and does not fit.
    const outcomes = await outcomesOf('ulimit -f 4; exec "$1" --import tsx "$2" "$3"', { TSX_DISABLE_CACHE: '1' });
    expect(outcomes).toEqual({
      set: { code: 'store_failed', message: expect.stringMatching(/write the token store.*EFBIG.*raise the limit/) },
      get: { value: 'former' },
      lock: { value: 'held' },
    });
    expect(await readdir(directory)).toEqual(files);
  });

  it.skipIf(PLAIN_USER !== '' && !has('setpriv'))(
    'a read-only directory: store_failed, and what is there is read',
    async () => {
      await chmod(directory, 0o500);
      const files = await readdir(directory);
      const outcomes = await outcomesOf(`exec ${PLAIN_USER}"$1" --import tsx "$2" "$3"`);
      expect(outcomes).toEqual({
        set: { code: 'store_failed', message: expect.stringMatching(/write the token store.*EACCES.*access/) },
        get: { value: 'former' },
        lock: { code: 'store_failed', message: expect.stringMatching(/lock the token store.*EACCES.*access/) },
      });
      expect(await readdir(directory)).toEqual(files);
    },
  );
});

describe("a store with another version's content", () => {
  const content = `${JSON.stringify({ v: 2, alg: 'of the future', data: 'AAAA' })}\n`;

  it.each(['get', 'set', 'list'] as const)('%s reports it, and touches nothing', async (call) => {
    await writeFile(fileOf('a'), content);
    const calls = { get: () => open().get('a'), set: () => open().set('a', 'n'), list: () => open().list('') };
    await expect(calls[call]()).rejects.toMatchObject({
      code: 'store_unreadable',
      message: expect.stringMatching(/later version of this library.*Nothing was deleted/),
    });
    expect(await readFile(fileOf('a'), 'utf8')).toBe(content);
    expect((await readdir(directory)).filter((file) => file.includes('.corrupt-'))).toEqual([]);
  });

  it('disturbs no other value, and can be given up', async () => {
    await writeFile(fileOf('a'), content);
    await open().set('b', 'v', { ttlMs: 60_000 });
    expect(await open().get('b')).toBe('v');
    await open().delete('a');
    await open().set('a', 'n');
    expect(await open().get('a')).toBe('n');
  });
});

describe('a store where the clock is set back', () => {
  it('gives what it has, and forgets nothing early', async () => {
    const clock = new ManualClock();
    const store = open(clock);
    await store.set('b', 'v', { ttlMs: 60_000 });
    clock.advance(-86_400_000);
    await store.set('c', 'w', { ttlMs: 60_000 });
    expect([await store.get('a'), await store.get('b'), await store.get('c')]).toEqual(['former', 'v', 'w']);
    expect((await store.list('')).sort()).toEqual(['a', 'b', 'c']);
    clock.advance(60_000);
    expect([await store.get('b'), await store.get('c')]).toEqual(['v', undefined]);
    clock.advance(86_400_000);
    expect(await store.get('b')).toBeUndefined();
  });

  it('does not take an unfinished file from the future for one that was left behind', async () => {
    const path = join(directory, 'x.1.tmp');
    await writeFile(path, 'half', { mode: 0o600 });
    const tomorrow = Date.now() / 1_000 + 86_400;
    await utimes(path, tomorrow, tomorrow);
    await open().set('a', 'v');
    expect((await stat(path)).size).toBe(4);
  });

  it('still locks', async () => {
    const clock = new ManualClock();
    const store = open(clock);
    await store.lock('a', async (lease) => {
      clock.advance(-86_400_000);
      await store.set('a', 'v', { lease });
    });
    expect(await open(clock).lock('a', async () => store.get('a'))).toBe('v');
  });
});

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

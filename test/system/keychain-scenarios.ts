import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openKeychain } from '../../src/stores/keychain-backend.js';
import { asKeytar, type Keytar } from '../../src/stores/keychain-keytar.js';
import { surveyKeychain } from '../../src/stores/keychain-survey.js';
import { KeychainTokenStore } from '../../src/stores/keychain-token-store.js';
import { describeTokenStore } from '../stores/contract.js';
import { type Library, type Project, projectWith } from './keychain-libraries.js';
import { type SecretService, startSecretService } from './keychain-service.js';
import { numberedText } from './keychain-text.js';

/** What a call may take at most: the program's bound of 3 s for a call of the keychain, and time to start. In ms. */
const BOUNDED_MS = 10_000;
const KILLS = 20;
/** A process that is killed while it makes its lock file leaves one that names nobody, and is waited for longer. In ms. */
const NEXT_WRITER_MS = 30_000;

interface Outcome {
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly ms: number;
}

/** Everything that is to hold with a real Secret Service, whichever library reaches it. One library a process: call it once in a file. */
export function describeKeychain(library: Library): void {
  let project: Project;
  let service: SecretService;
  let keytar: Keytar | undefined;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'keychain-locks-'));
    [project, service] = await Promise.all([projectWith(library), startSecretService()]);
    // The libraries read it when they are first used, which is later.
    Object.assign(process.env, service.env);
    if (library === 'keytar') keytar = asKeytar(project.require('keytar'));
  });
  afterAll(async () => {
    await service?.stop();
    await project?.remove();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (name: string, args: readonly string[], env = service.env) =>
    spawn(process.execPath, [project.program, name, join(directory, name), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const call = async (name: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> => {
    const child = start(name, args, env);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    const [code, signal] = await once(child, 'close');
    if (code !== 0) throw new Error(`the program ended with ${code ?? signal}`);
    return JSON.parse(output) as Outcome;
  };
  /** A store in this process, over the same items and locks as the programs. */
  const open = (name: string) =>
    new KeychainTokenStore({
      service: name,
      lockDirectory: join(directory, name),
      maxEntryBytes: 2_560,
      ...(keytar && { keytar }),
    });

  for (const maxEntryBytes of [undefined, 2_560]) {
    describeTokenStore(`KeychainTokenStore, ${library}, entries of ${maxEntryBytes ?? 'any'} bytes`, async (clock) => {
      const name = `contract-${randomUUID()}`;
      const options = {
        service: name,
        lockDirectory: join(directory, name),
        clock,
        ...(maxEntryBytes && { maxEntryBytes }),
      };
      const create = () => new KeychainTokenStore({ ...options, ...(keytar && { keytar }) });
      return { store: create(), reopen: create };
    });
  }

  describe(`KeychainTokenStore over ${library} and a real Secret Service`, () => {
    it('F36 loads this library and not the other', async () => {
      const expected = library === 'keytar' ? 'keytar' : 'keyring';
      expect(await call('libraries', ['libraries'])).toMatchObject({ value: [expected] });
    });

    it('keeps values for other processes', async () => {
      const value = numberedText(2);
      expect(await call('survive', ['set', 'k', value])).not.toHaveProperty('code');
      expect(await call('survive', ['get', 'k'])).toMatchObject({ value });
      expect(await call('survive', ['list', ''])).toMatchObject({ value: ['k'] });
      expect(await open('survive').get('k')).toBe(value);
      await call('survive', ['delete', 'k']);
      expect(await call('survive', ['list', ''])).toMatchObject({ value: [] });
    });

    it('F33 keeps no item over 2,560 bytes of UTF-16, and no part of a former value', async () => {
      const keychain = openKeychain({ service: 'parts', keytar });
      for (const n of [2, 3, 1]) {
        await open('parts').set('k', numberedText(n));
        const items = await keychain.list();
        expect(items).toHaveLength(
          1 + Math.ceil((numberedText(n).length + '{"v":1,"key":"k","value":""}'.length) / 1_280),
        );
        expect(Math.max(...items.map(({ secret }) => secret.length * 2))).toBeLessThanOrEqual(2_560);
      }
      await open('parts').set('k', 'short');
      expect(await keychain.list()).toHaveLength(1);
      await open('parts').delete('k');
      expect(await keychain.list()).toEqual([]);
    });

    it('F35 a refresh updates the one item in place', async () => {
      const keychain = openKeychain({ service: 'in-place', keytar });
      for (const value of ['1', '2', '3']) await open('in-place').set('k', value);
      expect(await keychain.list()).toHaveLength(1);
    });

    it('8 processes at once lose nothing', async () => {
      const rounds = 5;
      const processes = Array.from({ length: 8 }, (_, index) => call('many', ['raise', String(index), String(rounds)]));
      for (const outcome of await Promise.all(processes)) expect(outcome).toEqual({ ms: expect.any(Number) });
      expect((await open('many').get('shared'))?.split(' ')[0]).toBe(String(8 * rounds));
      const own = await open('many').list('own:');
      expect(own).toHaveLength(8 * rounds);
      expect(await open('many').get('own:7:4')).toBe(numberedText(4, 2_000));
    });

    it(`${KILLS} processes killed while they write leave the former value or the new one, and the next one goes on`, async () => {
      const store = open('killed');
      let last = 0;
      const keychain = openKeychain({ service: 'killed', keytar });
      let unfinished = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const child = start('killed', ['write', 'k', String(last + 1)]);
        const lines = createInterface({ input: child.stdout });
        const closed = once(child, 'close');
        const began = once(lines, 'line', { signal: AbortSignal.timeout(NEXT_WRITER_MS) });
        lines.on('line', (line) => {
          last = Number(line);
        });
        await began;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
        child.kill('SIGKILL');
        await closed;
        // Parts that do not count: the kill fell between two writes of one value.
        if ((await surveyKeychain(keychain)).strays.size > 0) unfinished++;
        const value = await store.get('k');
        expect([numberedText(last), numberedText(last + 1)]).toContain(value);
        last = Number(value?.split(' ')[0]);
      }
      expect(unfinished).toBeGreaterThan(0);
      await store.set('k', 'short');
      expect(await keychain.list()).toHaveLength(1);
    });

    it('F34 a keyring that was never created: store_failed in bounded time, and nothing is taken for stored', async () => {
      const bare = await startSecretService({ unlocked: false });
      try {
        for (const args of [['set', 'k', 'v'], ['probe']]) {
          const outcome = await call('never-created', args, bare.env);
          expect(outcome).toMatchObject({ code: 'store_failed', message: expect.stringMatching(/keyring|unlock/) });
          expect(outcome.ms).toBeLessThan(BOUNDED_MS);
        }
      } finally {
        await bare.stop();
      }
    });

    it('F34 a locked keyring: store_failed in bounded time', async () => {
      const locked = await startSecretService();
      try {
        expect(await call('locked', ['set', 'k', 'v'], locked.env)).not.toHaveProperty('code');
        await locked.lock();
        for (const args of [['set', 'k', 'w'], ['probe']]) {
          const outcome = await call('locked', args, locked.env);
          expect(outcome).toMatchObject({ code: 'store_failed' });
          expect(outcome.ms).toBeLessThan(BOUNDED_MS);
        }
        const read = await call('locked', ['get', 'k'], locked.env);
        expect(read.value).toBeUndefined();
        expect(read.ms).toBeLessThan(BOUNDED_MS);
      } finally {
        await locked.stop();
      }
    });

    it('F34 a Secret Service that hangs: store_failed in bounded time, and the value is there afterwards', async () => {
      const hanging = await startSecretService();
      try {
        await call('hanging', ['set', 'k', 'v'], hanging.env);
        hanging.pause();
        const outcomes = Promise.all(
          [['get', 'k'], ['set', 'k', 'w'], ['probe']].map(async (args) => call('hanging', args, hanging.env)),
        );
        // keytar waits for up to 25 s in its own thread and keeps the process; it is the call that is bounded.
        const resumed = setTimeout(() => hanging.resume(), BOUNDED_MS);
        for (const outcome of await outcomes) {
          expect(outcome).toMatchObject({
            code: 'store_failed',
            message: expect.stringMatching(/did not answer/),
          });
          expect(outcome.ms).toBeLessThan(BOUNDED_MS);
        }
        clearTimeout(resumed);
        hanging.resume();
        expect(['v', 'w']).toContain((await call('hanging', ['get', 'k'], hanging.env)).value);
      } finally {
        await hanging.stop();
      }
    });

    it('F34 a session without D-Bus: store_failed at once', async () => {
      const { DBUS_SESSION_BUS_ADDRESS: _, ...env } = service.env;
      for (const args of [['get', 'k'], ['set', 'k', 'v'], ['list', ''], ['probe']]) {
        const outcome = await call('no-bus', args, { ...env, XDG_RUNTIME_DIR: directory });
        expect(outcome).toMatchObject({ code: 'store_failed', message: expect.stringContaining('Secret Service') });
        expect(outcome.ms).toBeLessThan(2_000);
      }
    });
  });
}

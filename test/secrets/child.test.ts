import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';

let home: string | undefined;
afterEach(async () => {
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

/** A browser that writes down what it was started with, and goes where a person would end. */
const BROWSER = (record: string) => `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const url = new URL(process.argv.at(-1));
const seen = { argv: process.argv, env: process.env, commandLine: '' };
try { seen.commandLine = readFileSync('/proc/self/cmdline', 'latin1'); } catch {}
writeFileSync(${JSON.stringify(record)}, JSON.stringify(seen));
const back = new URL(url.searchParams.get('redirect_uri'));
back.searchParams.set('state', url.searchParams.get('state'));
back.searchParams.set('code', 'the-code-of-the-browser-1234567890');
back.searchParams.set('iss', url.origin);
fetch(back).then((response) => response.text());
`;

it.runIf(process.platform === 'linux')(
  'a program shows no secret: in its output, its last words, its files, or to the browser that it starts',
  async () => {
    home = await mkdtemp(join(tmpdir(), 'secrets-'));
    const [store, marksFile, browser, record] = ['store', 'marks.json', 'browser', 'record.json'].map((name) =>
      join(home ?? '', name),
    ) as [string, string, string, string];
    await writeFile(browser, BROWSER(record));
    await chmod(browser, 0o755);
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const program = fileURLToPath(new URL('child-program.ts', import.meta.url));
    const { PATH, NODE_PATH } = process.env;
    const child = spawn(process.execPath, ['--import', tsx, program, store, marksFile], {
      env: { PATH, ...(NODE_PATH === undefined ? {} : { NODE_PATH }), HOME: home, BROWSER: browser },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const [code] = await once(child, 'close');
    // The rejection that nobody handles, as Node prints it.
    expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('triggerUncaughtException') });
    expect(output).toContain("code: 'token_request_failed'");
    expect(output).toContain("type: 'signed_in'");

    const needles = JSON.parse(await readFile(marksFile, 'utf8')) as [needle: string, kind: string][];
    needles.push(['the-code-of-the-browser', 'code']);
    const kinds = new Set(needles.map(([, kind]) => kind));
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        'access token',
        'refresh token',
        'd in the store',
        'client secret',
        'codeVerifier in the store',
        'proof',
      ]),
    );
    const names = await readdir(store);
    expect(names.length).toBeGreaterThan(1);
    const files = await Promise.all(
      names.map(async (name) => [name, await readFile(join(store, name), 'latin1')] as const),
    );
    // The key of the files is in its own file, and nowhere else.
    for (const [name, text] of files) {
      if (/key/.test(name)) needles.push([text.trim().slice(-20), `the content of ${name}`]);
    }
    expect(needles.some(([, kind]) => kind.startsWith('the content'))).toBe(true);
    const places = [['the output', output], ['the browser', await readFile(record, 'utf8')], ...files] as const;
    const leaks = places.flatMap(([place, text]) =>
      needles
        .filter(([needle, kind]) => text.includes(needle) && kind !== `the content of ${place}`)
        .map(([, kind]) => ({ place, kind })),
    );
    expect(leaks).toEqual([]);
  },
  60_000,
);

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openForPerson } from '../../src/authorization/open-for-person.js';

const URL_TO_OPEN = 'https://as.example.com/authorize?state=s';

describe.runIf(process.platform === 'linux')('F18: openForPerson', () => {
  let folder: string;
  const seen = () => readFile(join(folder, 'seen'), 'utf8').catch(() => undefined);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'open-for-person-'));
    const program = join(folder, 'browser');
    await writeFile(program, `#!/bin/sh\nprintf '%s' "$*" > ${join(folder, 'seen')}\n`);
    await chmod(program, 0o755);
    vi.stubEnv('BROWSER', program);
    for (const name of ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_INTEROP']) vi.stubEnv(name, '');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('opens the browser of this machine where it can be seen', async () => {
    expect(await openForPerson({}, { canShowBrowser: true }, URL_TO_OPEN)).toBe(true);
    expect(await seen()).toBe(URL_TO_OPEN);
  });

  it('starts nothing on a screen that nobody sits at', async () => {
    expect(await openForPerson({}, { remote: 'ssh', canShowBrowser: false }, URL_TO_OPEN)).toBe(false);
    expect(await seen()).toBeUndefined();
  });

  it('leaves it to the application where that brings a browser, wherever it is', async () => {
    const opened: string[] = [];
    const openBrowser = (url: string) => void opened.push(url);
    expect(await openForPerson({ openBrowser }, { canShowBrowser: false }, URL_TO_OPEN)).toBe(true);
    expect(opened).toEqual([URL_TO_OPEN]);
    expect(await seen()).toBeUndefined();
  });

  it.each([
    ['says so', () => false],
    ['promises so', async () => false],
    [
      'throws',
      () => {
        throw new Error('no display');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no display'))],
  ])('F19: is false where the application`s function %s', async (_, openBrowser) => {
    expect(await openForPerson({ openBrowser }, { canShowBrowser: true }, URL_TO_OPEN)).toBe(false);
  });
});

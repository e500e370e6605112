import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startRotatingServer } from '../../examples/servers/rotating-server.js';
import { FileTokenStore } from '../../src/index.js';
import { closers, open, person, STREAMABLE } from './support.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

describe.each(STREAMABLE)('$name', (kind) => {
  it('F2: two sessions whose stores share a directory refresh once, and no refresh token is used twice', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'shared-directory-'));
    closing({ close: () => rm(directory, { recursive: true, force: true }) });
    const server = closing(await startRotatingServer({ tokenDelayMs: 50 }));
    const who = closing(person());
    const session = () =>
      closing(
        open(kind, server.url, {
          store: new FileTokenStore({ directory, keyStorage: 'file' }),
          openBrowser: who.openBrowser,
          clientMetadata: { client_name: 'Test' },
        }),
      );
    const [one, two] = [session(), session()];
    await one.connect();
    await two.connect();
    expect(who.tabs).toHaveLength(1);
    for (let round = 1; round <= 3; round++) {
      server.revokeAllAccessTokens();
      server.counts.reset();
      const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
      const answers = await Promise.all(
        texts.map((text, index) => (index % 2 === 0 ? one : two).call('echo', { text })),
      );
      expect(answers).toEqual(texts);
      expect(server.counts.count('token:refresh_token')).toBe(1);
      expect([server.familiesRevoked, who.tabs.length]).toEqual([0, 1]);
    }
  });
});

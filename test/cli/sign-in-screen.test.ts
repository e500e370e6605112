import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.js';
import { startLiveLine } from '../../src/cli/live-line.js';
import { signInScreen } from '../../src/cli/sign-in-screen.js';
import type { RemoteKind } from '../../src/types.js';
import { TestClock } from '../auth-provider/support.js';
import { Keyboard, Sink } from './support.js';

const SIGN_IN = 'https://auth.example.com/authorize?state=x';

/** What is shown of a sign-in by the browser, which could not be opened. */
function shown(remote?: RemoteKind): string {
  const stderr = new Sink();
  const io = { stdin: new Keyboard(), stdout: new Sink(), stderr, env: {}, clock: new TestClock() } as unknown as Io;
  const url = 'https://mcp.example.com/mcp';
  const finish = async () => undefined;
  const screen = signInScreen(io, { url, quiet: false, browser: true, signInMs: 1_000, canPaste: true, finish });
  const redirectUri = 'http://127.0.0.1:1/callback';
  screen.onEvent({ type: 'authorization_url', url: SIGN_IN, redirectUri, ...(remote === undefined ? {} : { remote }) });
  screen.onEvent({ type: 'browser_failed', url: SIGN_IN });
  screen.end();
  return stderr.text;
}

describe('what login shows before the browser', () => {
  it.each(['container', 'ssh'] as const)('in a place without one (%s) promises none', (remote) => {
    expect(shown(remote)).toContain(`open this in a browser:\n  ${SIGN_IN}\n`);
    expect(shown(remote)).not.toMatch(/browser opens|No browser could be opened/);
  });

  it.each([
    undefined,
    'wsl',
    'codespaces',
    'devcontainer',
  ] as const)('elsewhere (%s) opens it, or says that it could not', (remote) => {
    expect(shown(remote)).toContain(`the browser opens:\n  ${SIGN_IN}\n`);
    expect(shown(remote)).toContain('No browser could be opened here.');
  });
});

describe('a terminal that says it has 0 columns', () => {
  it('is shown the whole of what is waited for', () => {
    const stderr = new Sink(true);
    stderr.columns = 0;
    const clock = new TestClock();
    const io = { stdin: new Keyboard(), stdout: new Sink(), stderr, env: {}, clock } as unknown as Io;
    const live = startLiveLine(io, { what: 'Waiting for the browser', endsAt: clock.now() + 60_000 });
    expect(stderr.text).toContain('Waiting for the browser, 1:00 left.');
    live.end();
  });
});

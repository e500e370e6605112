import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNarrator } from '../../examples/demo/narrator.js';
import { createScreen } from '../../examples/demo/screen.js';
import type { AuthEvent } from '../../src/index.js';

const SIGN_IN: AuthEvent = {
  type: 'authorization_url',
  url: 'https://auth.example.com/authorize?state=x',
  redirectUri: 'http://127.0.0.1:1/callback',
};
const FAILED: AuthEvent = { type: 'browser_failed', url: SIGN_IN.url };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The demo at a sign-in that nobody has finished, and what it wrote. */
function waiting({ isTTY = true, browser = true } = {}) {
  const written: string[] = [];
  const screen = createScreen({ isTTY, columns: 80, write: (text) => written.push(text) }, { NO_COLOR: '1' });
  const narrator = createNarrator({ screen, serverUrl: new URL('https://mcp.example.com/mcp'), browser });
  narrator.onEvent(SIGN_IN);
  narrator.onEvent(FAILED);
  return { narrator, screen, written, text: () => written.join('') };
}

/** What stands on the last line of the terminal. */
const lastLine = (text: string) => text.split('\n').at(-1)?.split('\r\u001b[2K').at(-1);

describe('the demo, while it waits for a real browser', () => {
  it('shows the time left in a terminal, below whatever else is written', () => {
    const { screen, text } = waiting();
    expect(text()).toContain('No browser could be started here\n');
    expect(lastLine(text())).toBe('   Waiting for the browser, 5:00 left.');
    vi.advanceTimersByTime(61_000);
    expect(lastLine(text())).toBe('   Waiting for the browser, 3:59 left.');
    screen.line('something else');
    expect(text()).toContain('\r\u001b[2Ksomething else\n');
    expect(lastLine(text())).toBe('   Waiting for the browser, 3:59 left.');
  });

  it.each<[string, (narrator: ReturnType<typeof waiting>['narrator']) => void]>([
    [
      'somebody signed in',
      (narrator) => narrator.onEvent({ type: 'signed_in', scope: [], account: undefined } as never),
    ],
    ['the sign-in failed', (narrator) => narrator.onEvent({ type: 'sign_in_failed' } as never)],
    ['the browser came back', (narrator) => narrator.onArrival(new URL('http://127.0.0.1:1/callback?code=x'))],
    ['it is over', (narrator) => narrator.stop()],
  ])('shows it no more once %s', (_, end) => {
    const { narrator, written, text } = waiting();
    expect(lastLine(text())).toContain('5:00 left.');
    end(narrator);
    expect(lastLine(text())).toBe('');
    const before = written.length;
    vi.advanceTimersByTime(5_000);
    expect(written).toHaveLength(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes it once where there is no terminal', () => {
    const { text } = waiting({ isTTY: false });
    vi.advanceTimersByTime(61_000);
    expect(text().match(/Waiting for the browser, 5:00 left\.\n/g)).toHaveLength(1);
    expect(text()).not.toContain('\u001b');
  });

  it('shows none where the person is played', () => {
    expect(waiting({ browser: false }).text()).not.toContain('Waiting');
  });
});

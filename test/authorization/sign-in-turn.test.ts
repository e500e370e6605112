import { beforeEach, describe, expect, it } from 'vitest';
import { SignInTurns, type Turn, type TurnWork } from '../../src/authorization/sign-in-turn.js';
import { delay } from '../../src/clock.js';
import { McpOAuthError } from '../../src/errors.js';
import type { AuthEvent } from '../../src/events.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import type { TokenSet } from '../../src/tokens/token-set.js';
import { ManualClock } from '../support/clock.js';

const KEY = 'sign-in/s';
const tokens = (accessToken: string): TokenSet => ({ accessToken, tokenType: 'bearer', issuedAt: 0 });

let clock: ManualClock;
let store: MemoryTokenStore;
/** What "the store holds" for those who look for tokens to adopt. */
let stored: TokenSet | undefined;
let open: Set<string>;
/** How long a look for tokens takes, in ms. */
let slowness: number;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryTokenStore({ clock });
  stored = undefined;
  open = new Set();
  slowness = 0;
});

/** Lets everything run that waits for nothing but itself. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Moves the clock in steps that are shorter than any pause. */
async function pass(ms: number): Promise<void> {
  for (let done = 0; done < ms; done += 100) {
    clock.advance(100);
    await settle();
  }
}

function window(
  lead: (turn: Turn) => Promise<TokenSet> = () => new Promise(() => {}),
  { wanted = 'w', explicit = false } = {},
) {
  const events: AuthEvent[] = [];
  const turns = new SignInTurns({
    store,
    session: 's',
    clock,
    lockTimeoutMs: 1_000,
    offerMs: 300_000,
    emit: (event) => events.push(event),
    isOpen: async (url) => open.has(url),
  });
  const closing = new AbortController();
  let turn: Turn | undefined;
  const work: TurnWork = {
    signal: closing.signal,
    wanted,
    explicit,
    adopt: async () => {
      if (slowness > 0) await delay(clock, slowness);
      return stored;
    },
    lead: (given) => {
      turn = given;
      return lead(given);
    },
  };
  const result = turns.run(work);
  result.catch(() => undefined);
  return { events, result, leave: () => closing.abort(), turn: () => turn, leads: () => turn !== undefined };
}

/** A sign-in that ends when told to. */
function sign() {
  let end: (outcome: TokenSet | Error) => void = () => undefined;
  const lead = (turn: Turn) =>
    new Promise<TokenSet>((resolve, reject) => {
      turn.signal.addEventListener('abort', () =>
        reject(new McpOAuthError('aborted', 'x', { stage: 'authorization' })),
      );
      end = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
    });
  return { lead, end: (outcome: TokenSet | Error) => end(outcome) };
}

describe('the record of a sign-in that is under way', () => {
  it('outlives its lease while its owner lives', async () => {
    const first = window(sign().lead);
    await settle();
    const second = window();
    await pass(60_000);
    expect([first.leads(), second.leads()]).toEqual([true, false]);
  });

  it('is over ten seconds after its owner died, and then it is the next one’s turn', async () => {
    await store.set(KEY, JSON.stringify({ owner: 'dead', wanted: 'w', beat: 3 }), { ttlMs: 10_000 });
    const second = window(sign().lead);
    await pass(9_500);
    expect(second.leads()).toBe(false);
    await pass(1_000);
    expect(second.leads()).toBe(true);
  });

  it('is kept alive after the browser came back, however long the token endpoint takes', async () => {
    const first = window(sign().lead);
    await settle();
    first.turn()?.presented('https://as.example/authorize');
    first.turn()?.arrived();
    const second = window();
    await pass(60_000);
    expect([first.leads(), second.leads()]).toEqual([true, false]);
  });

  it('is kept alive where each look of its owner takes a second', async () => {
    slowness = 1_000;
    const first = window(sign().lead);
    await pass(2_000);
    slowness = 0;
    const second = window();
    await pass(60_000);
    expect([first.leads(), second.leads()]).toEqual([true, false]);
  });

  it('of a sign-in that was cancelled but does not end is not kept alive, and no timer is left', async () => {
    const first = window(() => new Promise(() => {}));
    await settle();
    first.leave();
    const second = window(sign().lead);
    await pass(14_000);
    expect(second.leads()).toBe(true);
    second.leave();
    await pass(300);
    expect(clock.timers).toBe(0);
  });

  it('of a dead owner is over in time although the clock was set back a day', async () => {
    await store.set(KEY, JSON.stringify({ owner: 'dead', wanted: 'w', beat: 3 }), { ttlMs: 60_000 });
    clock.advance(-86_400_000);
    const second = window(sign().lead);
    await pass(14_000);
    expect(second.leads()).toBe(true);
  });

  it('is gone when the sign-in succeeded or was cancelled', async () => {
    for (const outcome of [tokens('a'), new McpOAuthError('aborted', 'x', { stage: 'authorization' })]) {
      const { lead, end } = sign();
      const only = window(lead);
      await settle();
      expect(await store.get(KEY)).toBeDefined();
      end(outcome);
      await only.result.catch(() => undefined);
      expect(await store.list('')).toEqual([]);
    }
    expect(clock.timers).toBe(0);
  });

  it('tells the reason of a failure to those who waited, for a few seconds and nobody else', async () => {
    const { lead, end } = sign();
    const first = window(lead);
    await settle();
    const second = window();
    await settle();
    end(new McpOAuthError('access_denied', 'No.', { stage: 'authorization', oauthError: 'access_denied' }));
    await pass(500);
    await expect(first.result).rejects.toMatchObject({ code: 'access_denied', message: 'No.' });
    await expect(second.result).rejects.toMatchObject({
      code: 'access_denied',
      stage: 'authorization',
      oauthError: 'access_denied',
      message: 'No. (The sign-in ran in another window.)',
    });
    const late = window(sign().lead);
    await settle();
    expect(late.leads()).toBe(true);
  });

  it.each([
    ['access_denied', { wanted: 'other' }, 'lead'],
    ['access_denied', {}, 'access_denied'],
    ['network_error', { wanted: 'other' }, 'network_error'],
    ['signed_out', {}, 'signed_out'],
    ['signed_out', { explicit: true }, 'lead'],
    ['sign_in_timeout', { explicit: true }, 'lead'],
    ['from_the_future', {}, 'authorization_failed'],
  ])('that ended with %s means %j: %s', async (code, wants, expected) => {
    const { lead, end } = sign();
    window(lead);
    await settle();
    const second = window(sign().lead, wants);
    await settle();
    end(new McpOAuthError(code as 'timeout', 'No.', { stage: 'authorization' }));
    await pass(600);
    const outcome = second.leads() ? 'lead' : await second.result.catch((error: McpOAuthError) => error.code);
    expect(outcome).toBe(expected);
  });

  it('of an owner that stood still too long is not written again: the turn is another one’s', async () => {
    const first = window(sign().lead);
    await settle();
    await store.delete(KEY);
    const second = window(sign().lead);
    await settle();
    expect(second.leads()).toBe(true);
    const owners = new Set<string>();
    const write = store.set.bind(store);
    store.set = async (...args) => {
      owners.add(JSON.parse(args[1]).owner);
      return write(...args);
    };
    await pass(6_000);
    expect(first.leads()).toBe(true);
    expect([...owners]).toEqual([JSON.parse((await store.get(KEY)) as string).owner]);
  });

  it.each([
    '',
    'null',
    '{"owner":1}',
    '[]',
    '{"owner":"x","failure":{"code":7}}',
  ])('%j counts as none', async (text) => {
    await store.set(KEY, text);
    const only = window(sign().lead);
    await settle();
    expect(only.leads()).toBe(true);
  });

  it('that an application was offered holds for what it was offered for, and until it is finished', async () => {
    const url = 'https://as.example/authorize?state=x';
    const offer = () =>
      Promise.reject(new McpOAuthError('authorization_required', 'Go.', { stage: 'authorization', url }));
    await expect(window(offer).result).rejects.toMatchObject({ code: 'authorization_required' });
    open.add(url);
    const again = window();
    await expect(again.result).rejects.toMatchObject({ code: 'authorization_required', url });
    expect(again.leads()).toBe(false);
    open.clear();
    const next = window(sign().lead);
    await settle();
    expect(next.leads()).toBe(true);
  });
});

describe('tokens that someone else stored', () => {
  it('end the wait, and no turn is taken', async () => {
    window(sign().lead);
    await settle();
    const second = window();
    await settle();
    stored = tokens('theirs');
    await pass(300);
    expect((await second.result).tokens.accessToken).toBe('theirs');
    expect(second.leads()).toBe(false);
  });

  it('are looked for once more when the turn was taken, since the one before stored first and let go then', async () => {
    const looks: boolean[] = [];
    const turns = new SignInTurns({
      store,
      session: 's',
      clock,
      lockTimeoutMs: 1_000,
      offerMs: 1,
      emit: () => undefined,
      isOpen: async () => false,
    });
    const got = await turns.run({
      signal: new AbortController().signal,
      wanted: 'w',
      explicit: false,
      adopt: async () => (looks.push(true) === 2 ? tokens('theirs') : undefined),
      lead: () => Promise.reject(new Error('a tab too many')),
    });
    expect(got.tokens.accessToken).toBe('theirs');
    expect(await store.list('')).toEqual([]);
  });

  it('end a sign-in that still waits for its browser', async () => {
    const only = window(sign().lead);
    await settle();
    stored = tokens('theirs');
    await pass(300);
    expect((await only.result).tokens.accessToken).toBe('theirs');
    expect(only.turn()?.signal.aborted).toBe(true);
    expect(await store.list('')).toEqual([]);
  });

  it('do not disturb a sign-in whose browser came back', async () => {
    const { lead, end } = sign();
    const only = window(lead);
    await settle();
    only.turn()?.arrived();
    stored = tokens('theirs');
    await pass(3_000);
    expect(only.turn()?.signal.aborted).toBe(false);
    end(tokens('ours'));
    expect((await only.result).tokens.accessToken).toBe('ours');
  });
});

describe('a caller that leaves', () => {
  it('ends its wait at once and leaves the turn to its owner', async () => {
    const first = window(sign().lead);
    await settle();
    const second = window();
    await settle();
    second.leave();
    await expect(second.result).rejects.toMatchObject({ code: 'aborted' });
    await pass(20_000);
    expect(JSON.parse((await store.get(KEY)) as string)).toHaveProperty('owner');
    expect(first.leads()).toBe(true);
  });
});

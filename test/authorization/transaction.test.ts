import { describe, expect, it } from 'vitest';
import { type Transaction, transactionStore } from '../../src/authorization/transaction.js';
import { MemoryTokenStore } from '../../src/index.js';
import { ManualClock } from '../support/clock.js';
import { rejection } from '../support/failure.js';

const state = 'S'.repeat(43);

function setup() {
  const clock = new ManualClock();
  const store = new MemoryTokenStore({ clock });
  const transactions = () => transactionStore(store, clock, 1_000);
  const transaction: Transaction = {
    state,
    codeVerifier: 'verifier',
    issuer: 'https://as.example',
    authorizationServer: { issuer: 'https://as.example' },
    client: { client_id: 'client' },
    registration: 'dynamic',
    redirectUri: 'http://127.0.0.1:1/callback',
    scope: ['a'],
    session: 'session',
    expiresAt: clock.now() + 1_000,
  };
  return { clock, store, transactions, transaction };
}

describe('transactionStore', () => {
  it('F48: is found by another instance over the same store, and taken once', async () => {
    const { transactions, transaction } = setup();
    await transactions().save(transaction);
    expect(await transactions().find(state)).toEqual(transaction);
    const taken = await Promise.all([transactions().take(state), transactions().take(state)]);
    expect(taken.filter((one) => one !== undefined)).toEqual([transaction]);
    expect(await transactions().find(state)).toBeUndefined();
  });

  it('ends with its time limit', async () => {
    const { transactions, transaction, clock, store } = setup();
    await transactions().save(transaction);
    clock.advance(1_000);
    expect(await transactions().find(state)).toBeUndefined();
    expect(await transactions().take(state)).toBeUndefined();
    expect(await store.list('transaction/')).toEqual([]);
  });

  it.each([
    '',
    'short',
    '../session/x',
    `${state}/x`,
    'x'.repeat(129),
  ])('looks up no key for the state %j', async (strange) => {
    const { transactions, store } = setup();
    await store.set(`transaction/${strange}`, '{"expiresAt":9e15}');
    expect(await transactions().find(strange)).toBeUndefined();
    expect(await transactions().take(strange)).toBeUndefined();
  });

  it('reports damaged text as store_unreadable, without quoting it', async () => {
    const { transactions, store } = setup();
    await store.set(`transaction/${state}`, '{"codeVerifier":"secret');
    const error = await rejection(transactions().find(state));
    expect(error).toMatchObject({ code: 'store_unreadable', stage: 'store' });
    expect(String(error)).not.toContain('secret');
  });
});

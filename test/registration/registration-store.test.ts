import { describe, expect, it } from 'vitest';
import { McpOAuthError } from '../../src/errors.js';
import { clientIdentity, registrationStore, type StoredRegistration } from '../../src/registration/index.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { ISSUER } from '../grants/support.js';
import { failure } from '../support/failure.js';

const LOOPBACK = 'http://127.0.0.1:4711/callback';
const registration = (client_id: string, redirectUri = LOOPBACK): StoredRegistration => ({
  kind: 'dynamic',
  client: { client_id },
  redirectUri,
  registeredAt: 1,
});

describe('registrationStore', () => {
  it('F12: finds the loopback registration whatever port is bound now, and remembers its redirect URI', async () => {
    const registrations = registrationStore(new MemoryTokenStore(), 'app');
    await registrations.save(ISSUER, registration('a'));
    expect(await registrations.load(ISSUER)).toEqual(registration('a'));
    expect(await registrations.load(ISSUER, 'http://127.0.0.1:9/callback')).toEqual(registration('a'));
  });

  it('keeps registrations for other redirects beside it', async () => {
    const registrations = registrationStore(new MemoryTokenStore(), 'app');
    const hosted = 'https://app.example.com/callback';
    await registrations.save(ISSUER, registration('a'));
    await registrations.save(ISSUER, registration('b', hosted));
    expect((await registrations.load(ISSUER))?.client.client_id).toBe('a');
    expect((await registrations.load(ISSUER, hosted))?.client.client_id).toBe('b');
    expect(await registrations.load(ISSUER, 'https://app.example.com/other')).toBeUndefined();
  });

  it('keeps issuers and applications apart', async () => {
    const store = new MemoryTokenStore();
    await registrationStore(store, 'app').save(ISSUER, registration('a'));
    expect(await registrationStore(store, 'other app').load(ISSUER)).toBeUndefined();
    expect(await registrationStore(store, 'app').load(`${ISSUER}/`)).toBeUndefined();
    expect(await registrationStore(store, 'app').load(`${ISSUER}/tenant`)).toBeUndefined();
    await registrationStore(store, 'app').remove(`${ISSUER}/`, 'a');
    expect(await registrationStore(store, 'app').load(ISSUER)).toBeDefined();
  });

  it('forgets and marks by comparison: what another process registered meanwhile stays', async () => {
    const registrations = registrationStore(new MemoryTokenStore(), 'app');
    await registrations.save(ISSUER, registration('new'));
    await registrations.remove(ISSUER, 'old');
    await registrations.markSuspect(ISSUER, 'old');
    expect(await registrations.load(ISSUER)).toEqual(registration('new'));
    await registrations.markSuspect(ISSUER, 'new');
    expect(await registrations.load(ISSUER)).toEqual({ ...registration('new'), suspect: true });
    await registrations.remove(ISSUER, 'new');
    expect(await registrations.load(ISSUER)).toBeUndefined();
  });

  it.each([
    '',
    'garbage',
    'null',
    '[]',
    '{}',
    '{"kind":"dynamic","registeredAt":1}',
    '{"kind":"x","client":{"client_id":"a"},"registeredAt":1}',
  ])('takes the unreadable record %j for absent, and another one can be saved', async (value) => {
    const store = new MemoryTokenStore();
    const registrations = registrationStore(store, 'app');
    await registrations.save(ISSUER, registration('a'));
    const [key] = await store.list('client/');
    await store.set(key as string, value);
    expect(await registrations.load(ISSUER)).toBeUndefined();
    await registrations.remove(ISSUER, 'a');
    await registrations.save(ISSUER, registration('b'));
    expect((await registrations.load(ISSUER))?.client.client_id).toBe('b');
  });

  it('passes an error of the store on', async () => {
    const store = new MemoryTokenStore();
    store.get = () => Promise.reject(new McpOAuthError('store_unreadable', 'm', { stage: 'store' }));
    expect(await failure(registrationStore(store, 'app').load(ISSUER))).toMatchObject({ code: 'store_unreadable' });
  });

  it('names an application by its software id, else by its name', () => {
    expect(clientIdentity({ software_id: 'id', client_name: 'name' })).toBe('id');
    expect(clientIdentity({ client_name: 'name' })).toBe('name');
    expect(clientIdentity({})).toBe('');
  });
});

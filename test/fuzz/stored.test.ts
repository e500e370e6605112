import fc from 'fast-check';
import { describe, it } from 'vitest';
import { transactionStore } from '../../src/authorization/transaction.js';
import { failedElsewhere, parseTurn, writeTurn } from '../../src/authorization/turn-record.js';
import { digest, registrationStore } from '../../src/registration/registration-store.js';
import { MemoryTokenStore } from '../../src/stores/memory-token-store.js';
import { decodeTokens, encodeTokens } from '../../src/tokens/token-codec.js';
import { InstantClock } from '../support/clock.js';
import { assertTyped, holds, must, outcome } from './harness.js';
import { hostileText, hostileUrl, jsonOf, nested } from './hostile.js';
import { ISSUER } from './server.js';
import { authorizationServer, client, isText, isTextOrNothing, proofKey, storedTokens } from './stored-shapes.js';

const STATE = 'state-0123456789abcdef';
const REDIRECT = 'http://127.0.0.1:53682/callback';
const END = 1_800_000_000_000;

const transaction = jsonOf({
  state: fc.constantFrom(STATE, STATE, STATE, 'state-of-somebody-else'),
  codeVerifier: fc.constant('verifier'),
  issuer: fc.constant(ISSUER),
  authorizationServer,
  client,
  registration: fc.constantFrom('dynamic', 'cimd', 'x'),
  redirectUri: fc.oneof(fc.constant(REDIRECT), hostileUrl),
  resource: fc.constant('https://mcp.example.com/mcp'),
  scope: fc.array(hostileText, { maxLength: 3 }),
  session: fc.constant('session'),
  expiresAt: fc.constantFrom(END, END, 0, -1),
  dpop: proofKey,
});

const registration = jsonOf({
  kind: fc.constantFrom('dynamic', 'asked', 'cimd', 'pre-registered', 'x'),
  client,
  redirectUri: fc.oneof(fc.constant(REDIRECT), hostileUrl),
  registeredAt: fc.constant(1),
  suspect: fc.constantFrom(true, false, 'x'),
  management: nested({ uri: hostileUrl, accessToken: fc.constant('rat-1') }),
});

const turn = jsonOf({
  owner: fc.constant('owner'),
  wanted: fc.constant('wanted'),
  beat: fc.nat(9),
  url: hostileUrl,
  userCode: hostileText,
  client: nested({ issuer: fc.constant(ISSUER), clientId: fc.constant('client-1') }),
  failure: nested({
    code: fc.oneof(fc.constantFrom('access_denied', 'server_unavailable', 'x', '__proto__'), hostileText),
    stage: fc.oneof(fc.constantFrom('token', 'store', 'x'), hostileText),
    message: hostileText,
    status: fc.constantFrom<unknown>(400, 'x', null),
    oauthError: fc.oneof(fc.constant('invalid_grant'), hostileText),
  }),
  offer: hostileUrl,
});

describe('values in a store', () => {
  it('whatever stands for a session, it is a whole token set or unreadable, and a token set is read back as it was written', () =>
    holds(storedTokens, async (text) => {
      const found = (await outcome(() => decodeTokens(text), ['store_unreadable']))?.value;
      if (found === undefined) return;
      must(/^[\x21-\x7e]+$/.test(found.accessToken), 'a token that no header can carry');
      must(isText(found.tokenType) && Number.isFinite(found.issuedAt), 'half a token set');
      must(found.expiresAt === undefined || Number.isFinite(found.expiresAt), 'an end that is none');
      must(isTextOrNothing(found.refreshToken), 'a refresh token that is none');
      must(found.scope === undefined || found.scope.every(isText), 'scopes that are none');
      must(JSON.stringify(decodeTokens(encodeTokens(found))) === JSON.stringify(found), 'read back as another one');
    }));

  it('whatever stands for a pending sign-in, it is whole and the one of its state, or unreadable, or absent', () => {
    const store = new MemoryTokenStore();
    const transactions = transactionStore(store, new InstantClock(), 1_000);
    return holds(transaction, async (text) => {
      await store.set(`transaction/${STATE}`, text);
      const found = (await outcome(() => transactions.find(STATE), ['store_unreadable']))?.value;
      const pending = await outcome(() => transactions.pending(), ['store_unreadable']);
      const taken = (await outcome(() => transactions.take(STATE), ['store_unreadable']))?.value;
      must(JSON.stringify(taken) === JSON.stringify(found), 'another one was taken');
      must((pending?.value.length ?? 0) === (found === undefined ? 0 : 1), 'another one is pending');
      if (found === undefined) return;
      must(found.state === STATE, 'of another state');
      const { codeVerifier, issuer, redirectUri, session, resource, scope, dpop } = found;
      must([codeVerifier, issuer, redirectUri, session].every(isText) && isTextOrNothing(resource), 'half a sign-in');
      must(Array.isArray(scope) && scope.every(isText), 'scopes that are none');
      must(dpop === undefined || (isText(dpop.kty) && isText(dpop.d) && isText(dpop.alg)), 'a key that is none');
      must(
        isText(found.authorizationServer.issuer) && isTextOrNothing(found.authorizationServer.token_endpoint),
        'no server',
      );
      must(isText(found.client.client_id) && isTextOrNothing(found.client.client_secret), 'a client that is none');
      must(found.expiresAt > 0, 'over');
    });
  });

  it('whatever stands for a registration, it is whole or absent, in every way of asking for it', async () => {
    const store = new MemoryTokenStore();
    const registrations = registrationStore(store, 'app');
    const prefix = `client/${encodeURIComponent(ISSUER)}/${await digest('app')}/`;
    await holds(registration, async (text) => {
      await store.set(`${prefix}loopback`, text);
      const found = await registrations.load(ISSUER);
      must((await registrations.list(ISSUER)).length === (found === undefined ? 0 : 1), 'listed otherwise');
      must((await registrations.loadForDevice(ISSUER)) === undefined, 'found in another place');
      if (found === undefined) return;
      must(['dynamic', 'asked', 'cimd', 'pre-registered'].includes(found.kind), 'a kind that is none');
      must(isText(found.client.client_id) && found.client.client_id !== '', 'a client without id');
      must(isTextOrNothing(found.client.client_secret), 'a secret that is none');
      must(isTextOrNothing(found.client.token_endpoint_auth_method), 'a method that is none');
      must(
        found.redirectUri === undefined || (isText(found.redirectUri) && URL.canParse(found.redirectUri)),
        'a redirect that is none',
      );
      const { management } = found;
      must(
        management === undefined || (isText(management.uri) && isText(management.accessToken)),
        'a management that is none',
      );
      await registrations.markSuspect(ISSUER, found.client.client_id);
      must((await registrations.load(ISSUER))?.suspect === true, 'it was not marked');
      await registrations.remove(ISSUER, found.client.client_id);
      must((await registrations.load(ISSUER)) === undefined, 'it was not removed');
    });
  });

  it('whatever stands for the turn of another window, it is whole or absent, and its failure is a typed error', () =>
    holds(turn, (text) => {
      const found = parseTurn(text);
      if (found === undefined) return;
      must(isText(found.owner) && isText(found.wanted), 'nobody has the turn');
      must([found.url, found.userCode, found.offer].every(isTextOrNothing), 'half a record');
      const { client: named, failure } = found;
      must(named === undefined || (isText(named.issuer) && isText(named.clientId)), 'a client that is none');
      if (failure !== undefined) {
        const error = failedElsewhere(failure);
        assertTyped(error);
        must(error.status === undefined || Number.isInteger(error.status), 'a status that is none');
        must(isTextOrNothing(error.oauthError), 'an error code that is none');
      }
      must(JSON.stringify(parseTurn(writeTurn(found))) === JSON.stringify(found), 'read back as another one');
    }));
});

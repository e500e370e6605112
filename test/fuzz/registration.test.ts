import fc from 'fast-check';
import { describe, it } from 'vitest';
import { splitManagement } from '../../src/registration/delete-registration.js';
import { registerClient } from '../../src/registration/register-client.js';
import { assertTyped, holds, must } from './harness.js';
import { hostileText, hostileUrl } from './hostile.js';
import { answerOf, FakeNetwork, ISSUER } from './server.js';

const REDIRECT = 'http://127.0.0.1:53682/callback';
const INITIAL = 'initial-098f6bcd4621d373cade4e';

const network = new FakeNetwork(ISSUER);
const authorizationServer = { issuer: ISSUER, registration_endpoint: `${ISSUER}/register` };

const client = {
  client_id: fc.oneof<fc.Arbitrary<unknown>[]>(fc.constantFrom('client-1', '', 7, 2 ** 60), hostileText),
  client_secret: fc.oneof(fc.constantFrom('', 's3cret'), hostileText),
  client_secret_expires_at: fc.constantFrom<unknown>(0, '0', 1_800_000_000, -1, 'never', null),
  client_id_issued_at: fc.constantFrom<unknown>(1, '1', null, 'x'),
  token_endpoint_auth_method: fc.oneof(fc.constantFrom('none', 'client_secret_basic', 'private_key_jwt'), hostileText),
  redirect_uris: fc.oneof<fc.Arbitrary<unknown>[]>(
    fc.constantFrom([REDIRECT], [], ['http://127.0.0.1/callback']),
    fc.array(hostileUrl),
  ),
  registration_client_uri: fc.oneof(fc.constant(`${ISSUER}/register/1`), hostileUrl),
  registration_access_token: fc.oneof(fc.constant('rat-1'), hostileText),
  scope: fc.constantFrom<unknown>('a b', ['a', 'b'], [1]),
};
const failure = {
  error: fc.oneof(
    fc.constantFrom(
      'invalid_client_metadata',
      'invalid_redirect_uri',
      'temporarily_unavailable',
      'Unrecognized field "x"',
    ),
    hostileText,
  ),
  error_description: fc.oneof(
    hostileText,
    hostileText.map((text) => `${text} ${INITIAL}`),
  ),
};
const answers = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: answerOf(client, [201, 200]) },
    { weight: 1, arbitrary: answerOf(failure, [400, 401, 200, 503]) },
  ),
  { minLength: 1, maxLength: 4 },
);

describe('answers of a registration endpoint', () => {
  it('whatever it answers, there is a client with an id or a typed error without what was sent', () =>
    holds(answers, async (list) => {
      network.answer(...list);
      const options = { http: network.http, clock: network.clock, initialAccessToken: INITIAL };
      try {
        const found = await registerClient(
          authorizationServer,
          { redirect_uris: [REDIRECT], client_name: 'x' },
          options,
        );
        must(typeof found.client_id === 'string' && found.client_id !== '', 'a client without id');
        const { client_secret: secret, client_secret_expires_at: end } = found;
        must(secret === undefined || (typeof secret === 'string' && secret !== ''), 'a secret that is none');
        must(end === undefined || (typeof end === 'number' && end >= 0), 'an end that is none');
        must(typeof (found.token_endpoint_auth_method ?? '') === 'string', 'a method that is none');
        const { management } = splitManagement(found, authorizationServer);
        must(management === undefined || new URL(management.uri).origin === ISSUER, 'managed elsewhere');
        must(
          management === undefined || /^[\x21-\x7e]+$/.test(management.accessToken),
          'a token that no header can carry',
        );
      } catch (error) {
        assertTyped(error);
        must(
          !`${String(error)} ${JSON.stringify(error)}`.includes(INITIAL),
          'an error repeats the initial access token',
        );
      }
      must(network.requested.length <= 6, `${network.requested.length} requests`);
    }));
});

import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { parseCallback } from '../../src/authorization/callback-claim.js';
import { buildAuthorizationUrl } from '../../src/grants/authorization-url.js';
import { validateCallback } from '../../src/grants/callback.js';
import { judge } from '../../src/loopback/judge.js';
import { assertTyped, holds, must, outcome } from './harness.js';
import { hostileText, hostileUrl, hugeText, mutated, wellFormed } from './hostile.js';
import { ISSUER } from './server.js';

const STATE = 'state-0123456789abcdef';
/** Stands in whatever a server says. */
const MARK = 'marked-words-of-the-server';
const CODES = [
  'state_mismatch',
  'issuer_mismatch',
  'access_denied',
  'authorization_failed',
  'invalid_callback',
] as const;

const name = fc.constantFrom(
  'state',
  'state',
  'iss',
  'code',
  'code',
  'error',
  'error_description',
  'error_uri',
  'id_token',
  'response',
  'session_state',
  '__proto__',
  'STATE',
  'state[]',
);
const content = fc.oneof(
  fc.constantFrom(
    STATE,
    STATE,
    STATE,
    ISSUER,
    `${ISSUER}/`,
    'https://AS.example.com',
    'code-1',
    'access_denied',
    'server_error',
    '',
    `${STATE} `,
  ),
  hostileText.map((text) => MARK + text),
);
const pairs = fc.array(fc.tuple(name, content), { maxLength: 7 });
const query = pairs.map((list) => String(new URLSearchParams(list.map(([key, value]) => [key, wellFormed(value)]))));
const anyQuery = fc.oneof({ weight: 4, arbitrary: query }, { weight: 1, arbitrary: mutated(query) });
/** Right but for the issuer, perhaps. */
const mixedUp = fc
  .constantFrom(
    '',
    ISSUER,
    `${ISSUER}/`,
    'https://AS.example.com',
    'https://as.example.com:443',
    ` ${ISSUER}`,
    'https://evil.example',
  )
  .map((issuer) => `state=${STATE}&code=code-1${issuer === '' ? '' : `&iss=${encodeURIComponent(issuer)}`}`);
const good = anyQuery.map((text) => `state=${STATE}&${text.replaceAll(/(^|&)state=[^&]*/g, '')}`);

describe('callbacks', () => {
  it('nothing but one right state, no wrong issuer, no error and one code lets a callback through, and a mix-up is told without a word of it', () =>
    holds(fc.tuple(fc.oneof(anyQuery, good, mixedUp), fc.boolean()), async ([text, promised]) => {
      const authorizationServer = { issuer: ISSUER, authorization_response_iss_parameter_supported: promised };
      const url = new URL(`http://127.0.0.1:1/callback?${text}`);
      const all = (key: string) => url.searchParams.getAll(key);
      const stateIsRight = all('state').length === 1 && all('state')[0] === STATE;
      const issuerIsRight = all('iss').length === 0 ? !promised : all('iss').length === 1 && all('iss')[0] === ISSUER;
      try {
        const parameters = validateCallback({ authorizationServer, clientId: 'client-1', url, state: STATE });
        must(stateIsRight && issuerIsRight && all('error').length === 0, 'it was let through');
        must(all('code').length === 1 && parameters.get('code') === all('code')[0], 'another code');
      } catch (error) {
        assertTyped(error, CODES);
        if (!stateIsRight || !issuerIsRight) must(!String(error).includes(MARK), 'the words of a mix-up are repeated');
      }
    }));

  it('an expected state that is empty or of another type lets nothing through', () =>
    holds(anyQuery, async (text) => {
      const url = new URL(`http://127.0.0.1:1/callback?${text}&state=`);
      const passed = await outcome(
        () => validateCallback({ authorizationServer: { issuer: ISSUER }, clientId: 'c', url, state: '' }),
        CODES,
      );
      must(passed === undefined, 'an empty state passed');
    }));

  it('whatever a person pastes, it is a URL or a typed error', () =>
    holds(
      fc.oneof(
        anyQuery.map((text) => ` "http://127.0.0.1:1/callback?${text}"\r\n `),
        anyQuery,
        hostileUrl,
        hugeText,
        hostileText,
      ),
      async (pasted) => {
        const url = (await outcome(() => parseCallback(pasted), ['invalid_callback']))?.value;
        must(url === undefined || url instanceof URL, 'no URL');
      },
    ));

  it('the listener takes nothing for a callback but a navigation by GET to its own host and path', () =>
    holds(fc.tuple(request, fc.boolean()), ([{ method, url, headers }, twice]) => {
      const rawHeaders = Object.entries(headers).flat();
      if (twice) rawHeaders.push('HOST', 'evil.example');
      const rules = {
        hosts: new Set(['127.0.0.1:4000', 'localhost:4000']),
        path: '/callback',
        donePath: '/callback/done',
      };
      const verdict = judge({ method, url, headers, rawHeaders } as unknown as IncomingMessage, rules);
      if (verdict.kind === 'refused') {
        must([403, 404, 405, 421].includes(verdict.status), `status ${verdict.status}`);
        return;
      }
      must(!twice && rules.hosts.has((headers['host'] ?? '').toLowerCase()), 'of another host');
      const path = url.split('?', 1)[0];
      must(path === '/callback' || path === '/callback/done', 'of another path');
      must(verdict.kind === 'head' ? method === 'HEAD' : method === 'GET', `by ${method}`);
      if (verdict.kind === 'head') return;
      must(['document', undefined].includes(headers['sec-fetch-dest']), 'no navigation');
      must(
        !/prefetch/i.test(`${headers['sec-purpose']} ${headers['purpose']}`.replace(/prefetchx/gi, '')),
        'ahead of time',
      );
      if (verdict.kind !== 'callback') return;
      const states = new URLSearchParams(verdict.query).getAll('state');
      must(verdict.state === (states.length === 1 ? states[0] : undefined), 'another state');
    }));
});

const request = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'get', 'TRACE'),
  url: fc.oneof(
    { weight: 4, arbitrary: anyQuery.map((text) => `/callback?${text}`) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '/callback',
        '/callback/done',
        '/callback/',
        '//callback',
        '/callback%3fstate=x',
        '/CALLBACK',
        '*',
        '',
        '/x/../callback',
        'http://127.0.0.1:4000/callback?state=x',
      ),
    },
    { weight: 1, arbitrary: hostileText },
  ),
  headers: fc
    .record(
      {
        host: fc.oneof(
          { weight: 5, arbitrary: fc.constantFrom('127.0.0.1:4000', 'LOCALHOST:4000') },
          { weight: 1, arbitrary: fc.constantFrom('127.0.0.1', 'evil.example:4000', '127.0.0.1:4000.', '[::1]:4000') },
          { weight: 1, arbitrary: hostileText },
        ),
        'sec-fetch-mode': fc.constantFrom('navigate', 'navigate', 'cors', 'no-cors', 'websocket', ''),
        'sec-fetch-dest': fc.constantFrom('document', 'document', 'iframe', 'empty', 'image', ''),
        'sec-fetch-site': fc.constantFrom('none', 'cross-site'),
        'sec-purpose': fc.constantFrom('prefetch', 'prefetch;prerender', 'x'),
        purpose: fc.constantFrom('prefetch', 'Prefetch', 'preview'),
      },
      { requiredKeys: [] },
    )
    .map((headers) => Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))),
});

const OWN = [
  'client_id',
  'code_challenge',
  'code_challenge_method',
  'redirect_uri',
  'resource',
  'response_type',
  'state',
  'scope',
  'dpop_jkt',
];

describe('sign-in URLs', () => {
  it('each parameter of the request is there exactly once and as it was meant, whatever the query of the endpoint holds', () =>
    holds(
      fc.tuple(
        fc.array(
          fc.tuple(
            fc.oneof(
              fc.constantFrom(...OWN, 'prompt', 'request', 'request_uri', 'response_mode', 'tenant'),
              hostileText,
            ),
            hostileText,
          ),
          { maxLength: 6 },
        ),
        fc.oneof({ weight: 3, arbitrary: fc.constant(`${ISSUER}/authorize`) }, { weight: 1, arbitrary: hostileUrl }),
        fc.record({
          clientId: hostileText,
          redirectUri: hostileUrl,
          resource: fc.option(hostileUrl, { nil: undefined }),
          scope: fc.array(fc.constantFrom('read', 'write')),
        }),
        fc.dictionary(
          fc.oneof(fc.constantFrom('audience', 'login_hint', 'state', 'scope', '__proto__'), hostileText),
          hostileText,
          { maxKeys: 3 },
        ),
      ),
      async ([own, endpoint, given, parameters]) => {
        const query = own.map(([key, value]) => `${key}=${value}`).join('&');
        const authorizationServer = {
          issuer: ISSUER,
          authorization_endpoint: endpoint.includes('?') ? `${endpoint}&${query}` : `${endpoint}?${query}`,
        };
        const url = (
          await outcome(
            () =>
              buildAuthorizationUrl({
                authorizationServer,
                codeChallenge: 'challenge',
                state: STATE,
                ...given,
                parameters,
              }),
            ['invalid_options', 'invalid_response'],
          )
        )?.value;
        if (url === undefined) return;
        must(/^https?:$/.test(url.protocol) && url.hash === '', 'no URL of a sign-in');
        const meant: Record<string, string> = {
          response_type: 'code',
          client_id: wellFormed(given.clientId),
          redirect_uri: wellFormed(given.redirectUri),
          state: STATE,
          code_challenge: 'challenge',
          code_challenge_method: 'S256',
          ...(given.resource !== undefined && { resource: wellFormed(given.resource) }),
        };
        const read = new URL(url.href).searchParams;
        for (const [key, value] of Object.entries(meant)) {
          must(
            read.getAll(key).length === 1 && read.get(key) === value,
            `${key} is ${JSON.stringify(read.getAll(key))}`,
          );
        }
        if (given.resource === undefined) must(!read.has('resource'), 'a resource that nobody asked for');
        for (const key of ['request', 'request_uri', 'dpop_jkt'])
          must(!read.has(key) || Object.hasOwn(parameters, key), `${key} of the server`);
        const scope = parameters['scope'] ?? given.scope.join(' ');
        must(
          (read.get('scope') ?? '') ===
            (Object.hasOwn(parameters, 'scope') ? wellFormed(scope) : given.scope.join(' ')),
          'another scope',
        );
      },
    ));
});

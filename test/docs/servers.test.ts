import { afterEach, describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { createTestServer, errorPage, oauthError, scriptedUser, testOptions } from '../../src/testing/index.js';
import type { Deviation } from '../deviations/deviation.js';
import { call, callFailure, closers, expectWholeLife, stuckAtPage, type Visit } from '../deviations/support.js';
import { rows } from '../support/markdown.js';
import { freePort } from '../support/ports.js';
import { documentText, runBlock } from './run-block.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

const PATH = 'docs/servers.md';
/** What the provider gave to the application. */
const GIVEN = { clientId: 'acme', clientSecret: 'a secret', registrationToken: 'registration-token' };
const CLIENT = { client_id: 'acme', client_secret: 'a secret' };

type Modules = Readonly<Record<string, unknown>>;

interface Entry {
  /** The first cell of its row. */
  readonly name: string;
  readonly issuer: string;
  /** What it plays: the deviations that the options of its block are for. */
  readonly deviation: (port: number) => Deviation;
  /** Runs its block. */
  readonly block: (modules: Modules) => Promise<{ provider: library.AuthProvider }>;
  /** Each option of the block, and what becomes of a call without it. */
  readonly without: Readonly<Record<string, string>>;
  /** Options that the row names besides, in place of the block's. */
  readonly instead?: readonly string[];
  /** Options of the block that the others are there for. */
  readonly besides?: readonly string[];
}

const NO_TOKEN_TO_REFRESH = 'the session cannot be refreshed';

const ENTRIES: readonly Entry[] = [
  {
    name: 'GitHub',
    issuer: 'https://github.com/login/oauth',
    deviation: () => ({ registration: false, clients: [CLIENT], revocation: 'none', tokenEncoding: 'form' }),
    block: (modules) => runBlock(PATH, 'https://api.githubcopilot.com/mcp/', modules, GIVEN),
    without: { clientInformation: 'registration_unavailable' },
  },
  {
    name: 'Slack',
    issuer: 'https://slack.com',
    deviation: (port) => ({
      registration: false,
      clients: [{ client_id: 'acme', redirect_uris: [`http://localhost:${port}/callback`] }],
      tokenAnswer: ({ body }, { parameters }) => {
        const token = { ...body, token_type: 'user' };
        const isFirst = parameters.get('grant_type') === 'authorization_code';
        return { status: 200, body: { ok: true, ...(isFirst ? { authed_user: token } : token) } };
      },
    }),
    block: (modules) => runBlock(PATH, 'https://mcp.slack.com/mcp', modules, GIVEN),
    without: { clientInformation: 'registration_unavailable', loopback: 'sign_in_timeout' },
  },
  {
    name: 'Google',
    issuer: 'https://accounts.google.com',
    deviation: () => ({
      metadataAt: 'openid',
      registration: false,
      clients: [CLIENT],
      refreshTokens: (asked) => asked.get('access_type') === 'offline' && asked.get('prompt') === 'consent',
    }),
    block: (modules) => runBlock(PATH, 'https://accounts.google.com', modules, GIVEN),
    without: { clientInformation: 'registration_unavailable', authorizationParameters: NO_TOKEN_TO_REFRESH },
  },
  {
    name: 'Entra ID',
    issuer: 'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0',
    deviation: () => ({
      metadataAt: 'openid',
      registration: false,
      clients: [{ client_id: 'acme' }],
      s256: false,
      scopesSupported: ['api://acme-mcp/user_impersonation', 'api://acme-mcp/.default'],
      authorization(parameters) {
        // The port of the redirect that is registered does not count.
        const redirect = (parameters.get('redirect_uri') ?? '').replace(/:\d+/, '');
        if (redirect !== 'http://localhost/callback') return errorPage('AADSTS50011');
        const refused = (error: string, error_description: string) => ({ error, error_description });
        if (parameters.has('resource')) return refused('invalid_target', 'AADSTS9010010: resource');
        const isMixed = parameters.get('scope')?.includes('/.default ') ?? false;
        const scopes = parameters.get('scope') ?? '';
        return isMixed || scopes.endsWith('/.default') ? refused('invalid_scope', 'AADSTS70011: scope') : undefined;
      },
      tokenRequest: ({ parameters }) =>
        parameters.has('resource') ? oauthError('invalid_target', 'AADSTS901002') : undefined,
    }),
    block: (modules) => runBlock(PATH, 'https://login.microsoftonline.com/', modules, GIVEN),
    without: {
      clientInformation: 'registration_unavailable',
      resource: 'authorization_failed',
      scope: 'authorization_failed',
      issuerExceptions: 'pkce_unsupported',
      loopback: 'sign_in_timeout',
    },
  },
  {
    name: 'Auth0',
    issuer: 'https://acme.eu.auth0.com/',
    deviation: () => ({ takes: ({ asked }) => asked.get('audience') === 'https://mcp.example.com/' }),
    block: (modules) => runBlock(PATH, 'audience:', modules),
    without: { authorizationParameters: 'token_rejected' },
  },
  {
    name: 'Okta',
    issuer: 'https://acme.okta.com',
    deviation: () => ({
      registration: ({ headers }) =>
        headers['authorization'] === 'Bearer registration-token' ? undefined : { status: 401, body: {} },
    }),
    block: (modules) => runBlock(PATH, 'initialAccessToken', modules, GIVEN),
    without: { initialAccessToken: 'registration_failed' },
    instead: ['clientInformation'],
  },
  {
    name: 'Cognito',
    issuer: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example',
    deviation: () => ({
      metadataAt: 'openid',
      elsewhere: { status: 400, body: {} },
      registration: false,
      clients: [{ client_id: 'acme' }],
      s256: false,
    }),
    block: (modules) => runBlock(PATH, 'https://cognito-idp.', modules, GIVEN),
    without: { clientInformation: 'registration_unavailable', issuerExceptions: 'pkce_unsupported' },
  },
  {
    name: 'Atlassian',
    issuer: 'https://auth.atlassian.com/VCeDsk8ZHncYF1g234fKtc4lNipbBhu3',
    deviation: () => ({ metadata: () => ({ issuer: 'https://auth.atlassian.com' }) }),
    block: (modules) => runBlock(PATH, 'https://mcp.atlassian.com/v1/mcp/authv2', modules),
    without: { issuerExceptions: 'issuer_mismatch' },
  },
  {
    name: 'Sentry',
    issuer: 'https://mcp.sentry.dev',
    deviation: () => ({
      cimd: true,
      authorization: (parameters) => {
        const { port } = new URL(parameters.get('redirect_uri') ?? '');
        const isDocument = parameters.get('client_id') === 'https://app.example.com/client.json';
        return isDocument && port !== '' ? errorPage('Invalid redirect_uri') : undefined;
      },
    }),
    block: (modules) => runBlock(PATH, 'https://mcp.sentry.dev/mcp', modules),
    without: { registration: 'sign_in_timeout' },
    besides: ['clientMetadataUrl'],
  },
  {
    name: 'Salesforce',
    issuer: 'https://login.salesforce.com',
    deviation: (port) => ({
      registration: false,
      clients: [{ ...CLIENT, redirect_uris: [`http://localhost:${port}/callback`] }],
      scopesSupported: ['api', 'full', 'refresh_token'],
      authorization: (parameters) =>
        parameters.get('scope') === 'api refresh_token' ? undefined : { error: 'invalid_scope' },
    }),
    block: (modules) => runBlock(PATH, "'api refresh_token'", modules, GIVEN),
    without: {
      clientInformation: 'registration_unavailable',
      loopback: 'sign_in_timeout',
      scope: 'authorization_failed',
    },
  },
  {
    name: 'HubSpot',
    issuer: 'https://app.hubspot.com',
    deviation: () => ({ registration: () => ({ status: 404, body: '' }), clients: [CLIENT] }),
    block: (modules) => runBlock(PATH, 'client_secret: clientSecret },\n});', modules, GIVEN),
    without: { clientInformation: 'registration_failed' },
  },
  {
    name: 'Self-hosted servers of several makers',
    issuer: 'https://mcp.example.com',
    deviation: () => ({
      silentChallenge: true,
      resourceMetadataAt: '/oauth/resource.json',
      elsewhere: { status: 200, body: '<!doctype html><html><body><form>Sign in</form></body></html>' },
    }),
    block: (modules) => runBlock(PATH, 'resourceMetadataUrl', modules),
    without: { resourceMetadataUrl: 'invalid_response' },
  },
];

interface Guided extends Visit {
  /** The names of the options in the block. */
  readonly options: readonly string[];
}

/** The provider of a block at a server that deviates so, at the addresses of the document; `without` leaves an option out. */
async function guided(entry: Entry, without?: string): Promise<Guided> {
  const port = await freePort();
  let visit: Omit<Guided, 'provider'> | undefined;
  const createAuthProvider = ({ serverUrl, ...given }: library.AuthProviderOptions) => {
    const server = createTestServer({
      url: String(serverUrl),
      issuer: entry.issuer,
      callbackIssuer: 'unsupported',
      ...entry.deviation(port),
    });
    const user = scriptedUser(server);
    const close = () => user.settled();
    visit = {
      server: Object.assign(server, { origin: new URL(server.url).origin, close }),
      who: { ...user, close },
      clock: server.clock,
      events: [],
      options: Object.keys(given),
      another: () => provider,
      close: () => provider.close(),
    };
    // A port of the document may be taken here.
    const loopback = given.loopback?.port === undefined ? {} : { loopback: { ...given.loopback, port } };
    const options: Record<string, unknown> = { ...given, ...loopback };
    if (without !== undefined) delete options[without];
    const provider = library.createAuthProvider({ serverUrl, ...options, ...testOptions(server, user) });
    return provider;
  };
  const { provider } = await entry.block({ 'mcp-oauth-client': { ...library, createAuthProvider } });
  if (visit === undefined) throw new Error('The block created no provider.');
  return closing({ ...visit, provider });
}

/** What becomes of a call that is expected not to end well. */
async function outcome(visit: Visit, expected: string | undefined): Promise<string> {
  if (expected === 'sign_in_timeout') return (await stuckAtPage(visit, visit.provider)).code;
  if (expected !== NO_TOKEN_TO_REFRESH) return (await callFailure(visit, visit.provider)).code;
  await call(visit, visit.provider);
  return (await visit.provider.session()).refreshable ? 'the session can be refreshed' : NO_TOKEN_TO_REFRESH;
}

describe('the blocks of the guide to servers that deviate', () => {
  const cases = ENTRIES.flatMap((entry) =>
    Object.entries(entry.without).map(([option, expected]) => ({ entry, name: entry.name, option, expected })),
  );

  it.each(ENTRIES)('$name: the options of the block carry a call, a refresh and the sign-out', async (entry) => {
    await expectWholeLife(await guided(entry));
  });

  it.each(cases)('$name: without `$option` the server does not do: $expected', async ({ entry, option, expected }) => {
    expect(await outcome(await guided(entry, option), expected)).toBe(expected);
  });

  it('set the options that the table names, and no other', async () => {
    const table = rows(documentText(PATH)).map(([name = '', , , options = '']) => ({
      name,
      options: [...options.matchAll(/`(\w+)`/g)].map(([, option = '']) => option).sort(),
    }));
    for (const entry of ENTRIES) {
      const { options } = await guided(entry);
      expect([...options].sort(), entry.name).toEqual([...Object.keys(entry.without), ...(entry.besides ?? [])].sort());
      const named = table.find(({ name }) => name === entry.name);
      expect(named?.options, entry.name).toEqual([...options, ...(entry.instead ?? [])].sort());
    }
    const others = table.filter(({ name }) => !ENTRIES.some((entry) => entry.name === name));
    // Who is on their list sets what HubSpot's block sets.
    expect(others.filter(({ options }) => options.length > 0).map(({ name }) => name)).toEqual(['Figma, ClickUp']);
  });
});

import {
  type AuthProviderOptions,
  bearerToken,
  clientCredentials,
  deviceCode,
  enterpriseManaged,
  jwtBearer,
  privateKeyJwt,
} from '../../src/index.js';
import { createKey, secretsOf } from '../grants/keys.js';
import type { Marks } from './marks.js';
import { AS, CIMD, IDP } from './servers.js';

const key = createKey('ES256');

/** A way to tokens, with secrets of its own. */
export type Flow = (marks: Marks) => Partial<AuthProviderOptions>;

const marked = (marks: Marks) => {
  for (const line of secretsOf(key)) marks.add('private key', line);
  return { privateKey: key.pem, algorithm: 'ES256' } as const;
};

function assertion(marks: Marks, issuer: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: 'w', aud: AS, exp: seconds + 3_600, iat: seconds, jti: marks.make('jti') };
  return marks.add('assertion', `${part({ alg: 'ES256' })}.${part(claims)}.${marks.make('signature')}`);
}

const secret = (marks: Marks) => `${marks.make('client secret')} +/=&"%é`;

export const FLOWS: Readonly<Record<string, Flow>> = {
  'pre-registered, secret by Basic': (marks) => ({
    clientInformation: {
      client_id: 'app',
      client_secret: secret(marks),
      token_endpoint_auth_method: 'client_secret_basic',
      issuer: AS,
    },
  }),
  'pre-registered, secret in the form': (marks) => ({
    clientInformation: {
      client_id: 'app',
      client_secret: secret(marks),
      token_endpoint_auth_method: 'client_secret_post',
      issuer: AS,
    },
  }),
  'metadata document with a key': (marks) => ({ clientMetadataUrl: CIMD, clientKey: marked(marks) }),
  'registered dynamically': (marks) => ({
    registration: 'dynamic',
    initialAccessToken: marks.make('initial access token'),
  }),
  'bound to a key (DPoP)': (marks) => ({
    loopback: {},
    dpop: true,
    registration: 'dynamic',
    initialAccessToken: marks.make('initial access token'),
  }),
  'device code': () => ({ grant: deviceCode() }),
  'client credentials': (marks) => ({
    grant: clientCredentials({ clientId: 'job', clientSecret: secret(marks), issuer: AS }),
  }),
  'a key of a machine': (marks) => ({ grant: privateKeyJwt({ clientId: 'job', issuer: AS, ...marked(marks) }) }),
  'identity of a workload': (marks) => ({
    grant: jwtBearer({ assertion: async () => assertion(marks, 'https://platform.example.com'), issuer: AS }),
  }),
  'enterprise-managed': (marks) => ({
    grant: enterpriseManaged({
      identityProvider: { issuer: IDP, clientId: 'app', clientSecret: secret(marks) },
      subjectToken: () => assertion(marks, IDP),
      clientId: 'app',
      clientSecret: secret(marks),
      issuer: AS,
    }),
  }),
  'enterprise-managed, signing in there': (marks) => ({
    loopback: {},
    grant: enterpriseManaged({
      identityProvider: { issuer: IDP, clientId: 'app', clientSecret: secret(marks) },
      subjectToken: 'sign-in',
      clientId: 'app',
      clientKey: marked(marks),
    }),
  }),
  'a token of somebody else': (marks) => ({ grant: bearerToken(() => `owned-${marks.make('owned token')}`) }),
};

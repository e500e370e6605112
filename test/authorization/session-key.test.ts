import { describe, expect, it } from 'vitest';
import { parseSessionKey, sessionKey } from '../../src/authorization/session-key.js';
import {
  clientCredentials,
  deviceCode,
  enterpriseManaged,
  type Grant,
  jwtBearer,
  privateKeyJwt,
} from '../../src/grant.js';

const server = new URL('https://mcp.example.com/mcp?tenant=a');
const serverUrl = server.href;
const identityProvider = { issuer: 'https://idp.example.com', clientId: 'app' };
const subjectToken = () => 'token';
const job = { clientId: 'job', clientSecret: 's' };
const enterprise = { identityProvider, subjectToken };

/** Every one of these is somebody else. */
const GRANTS: readonly (Grant | undefined)[] = [
  undefined,
  clientCredentials(job),
  clientCredentials({ ...job, clientId: 'other' }),
  clientCredentials({ ...job, issuer: 'https://as.example.com' }),
  privateKeyJwt({ clientId: 'job', privateKey: 'pem' }),
  jwtBearer({ assertion: 'a' }),
  jwtBearer({ assertion: 'a', clientId: 'job' }),
  enterpriseManaged(enterprise),
  enterpriseManaged({ ...enterprise, clientId: 'at-as' }),
  enterpriseManaged({ ...enterprise, identityProvider: { ...identityProvider, clientId: 'other' } }),
  enterpriseManaged({ ...enterprise, identityProvider: { ...identityProvider, issuer: 'https://other.example.com' } }),
  enterpriseManaged({ ...enterprise, subjectToken: 'sign-in' }),
];

describe('the key of a session', () => {
  it.each([
    [{}],
    [{ account: 'work' }],
    [{ account: 'client_credentials:job' }],
  ])('tells persons, machines, their clients and issuers apart, with %j', (account) => {
    const keys = GRANTS.map((grant) => sessionKey({ server, ...account, ...(grant && { grant }) }));
    expect(new Set(keys).size).toBe(GRANTS.length);
  });

  it('of a person`s account is not that of a machine, whatever it is called', () => {
    const machine = sessionKey({ server, grant: clientCredentials(job) });
    expect(sessionKey({ server, account: 'client_credentials:job' })).not.toBe(machine);
  });

  it('is one for all ways of a person', () => {
    expect(sessionKey({ server, grant: deviceCode() })).toBe(sessionKey({ server }));
  });

  it.each([
    [{}, undefined],
    [{ account: 'a/b' }, 'a/b'],
    [{ grant: clientCredentials(job) }, 'client_credentials:job'],
    [{ grant: clientCredentials(job), account: 'work' }, 'work'],
    [{ grant: enterpriseManaged({ ...enterprise, clientId: 'at-as' }) }, 'enterprise_managed:at-as'],
  ])('can be read: %j', (parts, account) => {
    expect(parseSessionKey(sessionKey({ server, ...parts }))).toEqual({ serverUrl, account });
  });

  it.each(['', 'x', 'not-a-url/', 'https%3A%2F%2Fa.example/b/c', '%/a'])('counts %j as none', (key) => {
    expect(parseSessionKey(key)).toBeUndefined();
  });
});

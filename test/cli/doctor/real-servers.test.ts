import { afterEach, describe, expect, it } from 'vitest';
import { startAuthorizationServer } from '../../../examples/servers/authorization-server.js';
import { startInternalMcpServerV1 } from '../../../examples/servers/internal-mcp-server-v1.js';
import { startMcpServerV1 } from '../../../examples/servers/mcp-server-v1.js';
import { closers } from '../../with-oauth/support.js';
import { doctor, finding, report, step } from './support.js';

const { closing, closeAll } = closers();

afterEach(closeAll);

describe('doctor against real servers', () => {
  it('finds nothing wrong with an MCP server behind oidc-provider, and neither registers nor asks for a token', async () => {
    const features = { deviceFlow: { enabled: true } };
    const authorizationServer = closing(await startAuthorizationServer({ features }));
    const server = closing(
      await startMcpServerV1({ authorizationServer, scopesSupported: ['mcp:read'], challengeScope: 'mcp:read' }),
    );

    const all = await report([server.url]);

    expect(all).toMatchObject({
      format: 1,
      server: server.url,
      exitCode: 0,
      counts: { problem: 0, warning: 0 },
      summary: {
        signIn: 'yes',
        issuer: authorizationServer.issuer,
        registration: 'dynamic',
        scopes: ['mcp:read', 'offline_access'],
        resource: server.url,
        grants: ['authorization_code', 'device_code', 'refresh_token'],
        problems: 0,
      },
    });
    const { counts } = authorizationServer;
    expect([counts.count('registration'), counts.count('token'), counts.count('authorization')]).toEqual([0, 1, 1]);
    expect(counts.count('token:authorization_code')).toBe(0);
    expect(finding(all, 'token-endpoint')).toMatchObject({ verdict: 'ok' });
    expect(finding(all, 'device')).toMatchObject({ verdict: 'ok' });
  });

  it("finds nothing wrong with the SDK's own authorization server, whose issuer has a slash at its end", async () => {
    const server = closing(await startInternalMcpServerV1());
    const all = await report([server.url]);
    expect(all).toMatchObject({ exitCode: 0, summary: { signIn: 'yes', issuer: server.issuer, scopes: [] } });
    expect(finding(all, 'iss')).toMatchObject({ verdict: 'note' });
  });

  it('F31: goes on with the forms of 2025-03-26 where nothing has resource metadata, as connect() does', async () => {
    const server = closing(await startInternalMcpServerV1({ resourceMetadata: false }));
    const all = await report([server.url]);
    expect(finding(all, 'resource-metadata')).toMatchObject({ verdict: 'warning' });
    expect(step(all, 'authorization-server').title).toContain('2025-03-26');
    expect(all).toMatchObject({ exitCode: 0, summary: { signIn: 'yes', resource: server.url } });
  });

  it('says that S256 cannot be verified where the default endpoints of 2025-03-26 are all there is', async () => {
    const server = closing(
      await startInternalMcpServerV1({ resourceMetadata: false, authorizationServerMetadata: false }),
    );
    const all = await report([server.url]);
    expect(finding(all, 'metadata', 'authorization-server')).toMatchObject({
      verdict: 'warning',
      message: expect.stringContaining('cannot be verified'),
    });
    expect(step(all, 'authorization-server').facts).toMatchObject({ token_endpoint: `${server.origin}/token` });
    expect(all).toMatchObject({ exitCode: 0, summary: { signIn: 'yes' } });
  });

  it('reaches nobody: exit code 5, and says so in one step', async () => {
    const server = await startInternalMcpServerV1();
    await server.close();
    const { text, code } = await doctor([server.url]);
    expect(code).toBe(5);
    expect(text).toContain('✗ problem network_error: The MCP server');
    expect(text).toContain('← no answer (network_error)\n');
    expect(text).toContain('ECONNREFUSED');
    expect(text).toContain('try again later');
  });
});

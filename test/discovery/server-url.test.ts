import { describe, expect, it } from 'vitest';
import { canonicalResource } from '../../src/discovery/server-url.js';
import { failure } from '../support/failure.js';

describe('canonical server URL (RFC 8707 section 2)', () => {
  it.each([
    ['https://mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com', 'https://mcp.example.com'],
    ['https://mcp.example.com/', 'https://mcp.example.com'],
    ['HTTPS://MCP.Example.com:443/Mcp', 'https://mcp.example.com/Mcp'],
    ['https://mcp.example.com:8443', 'https://mcp.example.com:8443'],
    ['https://mcp.example.com/mcp/', 'https://mcp.example.com/mcp/'],
    ['https://mcp.example.com/mcp#part', 'https://mcp.example.com/mcp'],
    ['https://mcp.example.com/mcp?tenant=a', 'https://mcp.example.com/mcp?tenant=a'],
    ['https://mcp.example.com/?tenant=a', 'https://mcp.example.com/?tenant=a'],
    ['https://user:secret@mcp.example.com/mcp', 'https://mcp.example.com/mcp'],
  ])('%s → %s', (server, expected) => {
    expect(canonicalResource(server)).toBe(expected);
    expect(canonicalResource(new URL(server))).toBe(expected);
  });

  it.each(['mcp.example.com', '', 'ftp://mcp.example.com/', 'file:///mcp'])('%s is invalid_options', async (server) => {
    const error = await failure(Promise.resolve().then(() => canonicalResource(server)));
    expect(error).toMatchObject({ code: 'invalid_options', stage: 'configuration' });
  });
});

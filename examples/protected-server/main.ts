/**
 * An MCP server to try a client against. README.md beside this file has the modes, the scopes and the switches.
 *
 *   npx tsx examples/protected-server/main.ts
 */
import { openStore } from './expiring-store.js';
import { SCOPES } from './scopes.js';
import { type RunningServer, startAuthorizationServer, startProtectedServer } from './servers.js';
import { SettingError, type Settings, settingsFrom } from './settings.js';

async function start(settings: Settings): Promise<RunningServer> {
  const { mode, authServerUrl, redisUrl, ...rest } = settings;
  const store = await openStore(redisUrl);
  if (mode === 'authorization-server') {
    const server = await startAuthorizationServer({ ...rest, store });
    print('Authorization server', server.origin);
    print('Resources', rest.resources.join(' '));
    print('Switches', `${server.origin}/admin/switches`);
    return server;
  }
  const server = await startProtectedServer({ ...rest, ...(mode === 'external' && { authServerUrl }), store });
  print('MCP server', `${server.url}  (legacy SSE: ${server.sseUrl})`);
  print('Authorization server', mode === 'external' ? authServerUrl : `${server.origin}, in this process`);
  print('Scopes', [...SCOPES, 'offline_access'].join(' '));
  print('Switches', `${server.origin}/admin/switches`);
  print('Try it', `npx mcp-oauth-client tools ${server.url}`);
  print('  from a checkout', `npx tsx src/cli/main.ts tools ${server.url}`);
  return server;
}

function print(name: string, value: string): void {
  console.log(`${name.padEnd(22)}${value}`);
}

try {
  // Before it says where it listens: whoever reads that may stop it at once.
  const running = start(settingsFrom(process.env));
  const stop = () => void running.then((server) => server.close()).catch(() => undefined);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  await running;
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  console.error(code === 'EADDRINUSE' ? `${message}. Set PORT to another one.` : message);
  process.exitCode = error instanceof SettingError ? 2 : 1;
}

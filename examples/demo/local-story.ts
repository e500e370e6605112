import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMcpOAuthError } from '../../src/index.js';
import { type AuthorizationServer, startAuthorizationServer } from '../servers/authorization-server.js';
import { startMcpServerV1 } from '../servers/mcp-server-v1.js';
import { type DemoClient, openClient, type Stage } from './demo-client.js';
import { formatMs } from './tell.js';

const AT_ONCE = 10;
const SHORT_LIFE_S = 2;
const LONG_LIFE_S = 3_600;

/** The library did not do what this demo says it does. */
class Surprise extends Error {}

/** The servers of the demo, in this process. */
export interface LocalWorld {
  readonly serverUrl: URL;
  readonly authorizationServer: AuthorizationServer;
  close(): Promise<void>;
}

export async function startLocalWorld(): Promise<LocalWorld> {
  const authorizationServer = await startAuthorizationServer({ accessTokenTtlSeconds: LONG_LIFE_S });
  const mcpServer = await startMcpServerV1({ authorizationServer, challengeScope: 'mcp:read' });
  return {
    serverUrl: new URL(mcpServer.url),
    authorizationServer,
    async close() {
      await mcpServer.close();
      await authorizationServer.close();
    },
  };
}

/** The whole life of a session at the demo's own servers. */
export async function tellLocalStory(stage: Stage, world: LocalWorld): Promise<void> {
  const first = await stage.narrator.connecting(() => openClient(stage, world.serverUrl));
  await call(stage, first, 'echo', { text: 'hello' });
  await stepUp(stage, first);
  await endEarly(stage, first, world);
  await expire(stage, first, world);
  await first.close();
  const second = await secondStart(stage, world);
  await signOut(stage, second, world);
}

async function stepUp(stage: Stage, client: DemoClient): Promise<void> {
  stage.narrator.chapter('stepUp');
  try {
    await call(stage, client, 'create_issue', { title: 'Write the README' });
  } catch (error) {
    if (!isMcpOAuthError(error) || error.code !== 'step_up_denied') throw error;
    stage.screen.good(`${error.code}: ${error.message} Nothing was called.`);
  }
}

async function endEarly(stage: Stage, client: DemoClient, { authorizationServer }: LocalWorld): Promise<void> {
  const { narrator } = stage;
  narrator.chapter('revoked');
  authorizationServer.setAccessTokenTtl(SHORT_LIFE_S);
  await startOfSecond(stage);
  authorizationServer.revokeAllAccessTokens();
  const before = refreshesAt(authorizationServer);
  const failed = await narrator.together(() => callAtOnce(client));
  report(stage, refreshesAt(authorizationServer) - before, failed);
}

async function expire(stage: Stage, client: DemoClient, { authorizationServer }: LocalWorld): Promise<void> {
  const { narrator, screen } = stage;
  narrator.chapter('expiry');
  // Of 2 s the last 20 % are the time to refresh ahead.
  const expiresAt = await expiryOf(client);
  await until(stage, expiresAt - 350);
  authorizationServer.setAccessTokenTtl(1);
  const { refreshes, refused } = narrator.tally;
  const inTime = Date.now() < expiresAt;
  const took = await narrator.together(async () => {
    const startedAt = performance.now();
    await client.call('echo', { text: 'just in time' });
    const ms = performance.now() - startedAt;
    await refreshedSince(stage, refreshes);
    return ms;
  });
  const ahead = inTime && narrator.tally.refused === refused;
  const how = ahead ? 'with the token it had; the refresh ran beside it' : 'and the refresh, for this machine was late';
  screen.good(`The call took ${formatMs(took)} ${how}`);

  const before = refreshesAt(authorizationServer);
  await until(stage, (await expiryOf(client)) + 50);
  authorizationServer.setAccessTokenTtl(LONG_LIFE_S);
  const failed = await narrator.together(() => callAtOnce(client));
  report(stage, refreshesAt(authorizationServer) - before, failed);
}

async function secondStart(stage: Stage, world: LocalWorld): Promise<DemoClient> {
  const { narrator, screen } = stage;
  narrator.chapter('secondStart');
  const files = await readdir(stage.directory);
  const { mode } = await stat(join(stage.directory, files[0] ?? ''));
  screen.good(
    `${files.length} files, mode ${(mode & 0o777).toString(8).padStart(4, '0')}, AES-256-GCM; interactive: false`,
  );
  const before = narrator.tally.authorization;
  const client = await openClient(stage, world.serverUrl, { interactive: false });
  await call(stage, client, 'echo', { text: 'hello again' });
  const extra = narrator.tally.authorization - before;
  if (extra > 0) throw new Surprise(`The second start sent ${extra} requests for authorization.`);
  screen.good('No request for authorization, nobody was asked');
  return client;
}

async function signOut(stage: Stage, client: DemoClient, world: LocalWorld): Promise<void> {
  const { narrator, screen } = stage;
  narrator.chapter('signOut');
  const token = await client.provider.tokens.getAccessToken();
  const { revoked } = await client.provider.signOut();
  if (!revoked) throw new Surprise('The server did not revoke the session.');
  screen.detail('400: a JWT is not revoked by itself, it ends with its grant (RFC 7009 §2.2.1)');
  screen.good('Signed out, and the server revoked the session');
  const error = await client.call('echo', { text: 'anyone?' }).catch((reason: unknown) => reason);
  if (!isMcpOAuthError(error)) throw new Surprise('A call after the sign-out did not fail as it should.');
  screen.good(`A call fails at once: ${error.code}, “${error.message}”`);
  // By the global fetch and with the token that the application had: what a thief would do.
  const { status } = await stage.wire.run('hand', () =>
    fetch(world.serverUrl, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: stage.signal,
    }),
  );
  if (status !== 401) throw new Surprise(`The token of a session that signed out was answered with ${status}.`);
  screen.good('The token that the application had is worth nothing any more');
}

async function call(stage: Stage, client: DemoClient, tool: string, args: Record<string, unknown>): Promise<void> {
  const answer = await client.call(tool, args);
  stage.screen.good(`${tool}(${JSON.stringify(args)}) → ${JSON.stringify(answer)}`);
}

/** Calls a tool many times at once; how many calls failed. */
async function callAtOnce(client: DemoClient): Promise<number> {
  const calls = Array.from({ length: AT_ONCE }, (_, index) => client.call('echo', { text: String(index) }));
  const results = await Promise.allSettled(calls);
  return results.filter(({ status }) => status === 'rejected').length;
}

function report({ screen, signal }: Stage, refreshes: number, failed: number): void {
  signal.throwIfAborted();
  if (refreshes !== 1 || failed !== 0) {
    throw new Surprise(`${AT_ONCE} calls at once: ${refreshes} refreshes at the server, ${failed} calls failed.`);
  }
  screen.good(`${AT_ONCE} calls at once: 1 refresh, counted at the server; 0 calls failed, 0 browser tabs`);
}

function refreshesAt({ counts }: AuthorizationServer): number {
  return counts.count('token:refresh_token');
}

async function expiryOf({ provider }: DemoClient): Promise<number> {
  return (await provider.session()).expiresAt ?? Date.now();
}

async function until({ signal }: Stage, time: number): Promise<void> {
  await sleep(Math.max(0, time - Date.now()), undefined, { signal });
}

/** The server's tokens are dated in whole seconds: one that is issued late in a second lives nearly a second less. */
async function startOfSecond(stage: Stage): Promise<void> {
  await until(stage, Math.ceil(Date.now() / 1_000) * 1_000);
}

async function refreshedSince({ narrator, signal }: Stage, before: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (narrator.tally.refreshes === before) {
    if (Date.now() > deadline) throw new Surprise('No refresh ran ahead of the expiry.');
    await sleep(5, undefined, { signal });
  }
}

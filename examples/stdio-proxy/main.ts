/**
 * Lets a host that speaks MCP over stdio only reach a protected remote server; README.md beside this file has the host's settings.
 *
 *   npx tsx examples/stdio-proxy/main.ts https://mcp.example.com/mcp
 */
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import * as rpc from '@modelcontextprotocol/sdk/types.js';
import { type AuthEvent, type AuthProvider, createAuthProvider, findMcpOAuthError } from 'mcp-oauth-client';
import { openRemote, type Remote } from './remote.js';

const LONGEST_FAREWELL_MS = 2_000;
const [serverUrl = ''] = process.argv.slice(2);
const host = new StdioServerTransport();
const unanswered = new Set<rpc.RequestId>();
let provider: AuthProvider | undefined;
let remote: Promise<Remote> = Promise.reject(new Error('The first request has to be "initialize".'));
remote.catch(() => undefined);

/** For the person: stdout belongs to the protocol. */
const say = (text: string) => void process.stderr.write(`${text}\n`);

function onEvent(event: AuthEvent): void {
  if (event.type === 'authorization_url') say(`To sign in, open ${event.url}`);
  if (event.type === 'device_code') say(`To sign in, enter ${event.userCode} at ${event.verificationUri}`);
  if (event.type === 'sign_in_elsewhere') say('Another window is signing in; waiting for it.');
  if (event.type === 'signed_in') say('Signed in.');
}

async function open(initialize: rpc.JSONRPCRequest): Promise<Remote> {
  provider ??= createAuthProvider({ serverUrl, clientMetadata: { client_name: 'MCP stdio proxy' }, onEvent });
  return openRemote(provider, serverUrl, initialize, { onmessage: toHost, onerror, onclose: () => void leave(1) });
}

function toHost(message: rpc.JSONRPCMessage): void {
  if (!('method' in message) && message.id !== undefined) unanswered.delete(message.id);
  void host.send(message);
}

async function toServer(message: rpc.JSONRPCMessage): Promise<void> {
  if (rpc.isJSONRPCRequest(message)) unanswered.add(message.id);
  if (rpc.isJSONRPCRequest(message) && rpc.isInitializeRequest(message)) {
    remote = open(message);
    await remote;
    return;
  }
  const opened = remote;
  const sent = opened.then((transport) => transport.send(message));
  // What follows it must not overtake it on the way to the server.
  if (rpc.isInitializedNotification(message)) remote = sent.catch(() => undefined).then(() => opened);
  await sent;
}

/** Answers a request that nobody else will answer. */
function refuse(id: rpc.RequestId, error: unknown): void {
  const known = findMcpOAuthError(error);
  const { message } = known ?? (error as Error);
  const data = known === undefined ? {} : { data: { code: known.code, retryable: known.retryable } };
  if (unanswered.delete(id)) void host.send({ jsonrpc: '2.0', id, error: { code: -32_000, message, ...data } });
}

function onerror(error: Error): void {
  say(error.message);
}

async function leave(exitCode: number): Promise<void> {
  if (process.exitCode !== undefined) return;
  process.exitCode = exitCode;
  setTimeout(() => process.exit(), LONGEST_FAREWELL_MS).unref();
  // Ends a sign-in that is under way, too: another instance may take it over at once.
  await provider?.close();
  await remote.then((transport) => transport.close()).catch(() => undefined);
  for (const id of unanswered) refuse(id, new Error('The connection to the server has ended.'));
  await host.close();
}

host.onerror = onerror;
host.onmessage = (message) => {
  const failed = (error: Error) => (rpc.isJSONRPCRequest(message) ? refuse(message.id, error) : onerror(error));
  toServer(message).catch(failed);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(0));
process.stdin.once('end', () => void leave(0));
process.stdout.once('error', () => void leave(1));
await host.start();

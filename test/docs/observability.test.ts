import * as diagnostics from 'node:diagnostics_channel';
import { tracingChannel } from 'node:diagnostics_channel';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { type AuthEvent, McpOAuthError } from '../../src/index.js';
import { callTool, HOUR, scene } from '../auth-provider/support.js';
import { rows, section } from '../support/markdown.js';
import { documentText, runBlock } from './run-block.js';

const PATH = 'docs/observability.md';

/** The rows of a section's table that begin with a name. */
const named = (title: string): string[][] =>
  rows(section(documentText(PATH), title)).filter(([name]) => name?.startsWith('`'));

const words = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** The members of `AuthEvent` in `src/events.ts`: the type, and the other fields with `?` where they are optional. */
function declaredEvents(): [type: string, ...fields: string[]][] {
  const tree = ts.createSourceFile('events.ts', documentText('src/events.ts'), ts.ScriptTarget.ESNext, true);
  const union = tree.statements.find(ts.isTypeAliasDeclaration);
  if (union === undefined || !ts.isUnionTypeNode(union.type)) throw new Error('AuthEvent is no union');
  return union.type.types.filter(ts.isTypeLiteralNode).map(({ members }) => {
    const fields = members.filter(ts.isPropertySignature);
    const nameOf = (field: ts.PropertySignature) => `${field.name.getText()}${field.questionToken ? '?' : ''}`;
    const [type, ...others] = fields;
    return [type?.type?.getText().replaceAll("'", '') ?? '', ...others.map(nameOf)];
  });
}

describe('the table of events', () => {
  it('has each event with all its fields, in the order of the source', () => {
    expect(declaredEvents().length).toBeGreaterThan(15);
    expect(named('Events').map(([type, fields]) => [...words(type), ...words(fields)])).toEqual(declaredEvents());
  });
});

describe('the table of channels', () => {
  it('has the facts that are published, at the start and at the end', async () => {
    const documented = named('Channels').map(([name, start, end]) => ({
      name: words(name)[0] ?? '',
      start: words(start).sort(),
      end: [...words(start), ...words(end)].sort(),
    }));
    const seen = new Map<string, { start: string[]; end: string[] }>();
    const factsOf = (message: unknown) => {
      const { result: _result, error: _error, ...facts } = message as Record<string, unknown>;
      return Object.keys(facts).sort();
    };
    const stops = documented.map(({ name }) => {
      const channel = tracingChannel(name);
      const onStart = (message: unknown) => void seen.set(name, { start: factsOf(message), end: [] });
      const onEnd = (message: unknown) => Object.assign(seen.get(name) ?? {}, { end: factsOf(message) });
      channel.start.subscribe(onStart);
      channel.asyncEnd.subscribe(onEnd);
      return () => [channel.start.unsubscribe(onStart), channel.asyncEnd.unsubscribe(onEnd)];
    });
    const { provider, server, clock, close } = await scene();
    await provider.fetch(server.url, callTool('create_issue'));
    clock.advance(2 * HOUR);
    await provider.fetch(server.url, callTool('echo'));
    await close();
    for (const stop of stops) stop();
    expect(documented.map(({ name, start, end }) => [name, { start, end }])).toEqual(
      documented.map(({ name }) => [name, seen.get(name)]),
    );
    expect(documented).toHaveLength(5);
  });

  it('the block reports each renewal', async () => {
    type Block = { measureRefreshes(report: (ms: number, failed: boolean) => void): () => void };
    const { measureRefreshes } = await runBlock<Block>(PATH, 'measureRefreshes', {
      'node:diagnostics_channel': diagnostics,
    });
    const reports: [number, boolean][] = [];
    const stop = measureRefreshes((...report) => reports.push(report));
    const { provider, server, clock, close } = await scene();
    await provider.fetch(server.url, callTool('echo'));
    clock.advance(2 * HOUR);
    await provider.fetch(server.url, callTool('echo'));
    await close();
    stop();
    expect(reports).toEqual([[expect.any(Number), false]]);
  });
});

it('the line for a log has neither a URL that a person opens, nor a code, nor an account', async () => {
  const { logLine } = await runBlock<{ logLine(event: AuthEvent): string }>(PATH, 'logLine');
  const error = new McpOAuthError('network_error', 'Try again.', { stage: 'token', url: 'https://private.example' });
  const issuer = 'https://as.example.com';
  const events: AuthEvent[] = [
    { type: 'authorization_url', url: 'https://private.example', redirectUri: 'https://private.example' },
    { type: 'device_code', issuer, userCode: 'private', verificationUri: 'https://private.example', expiresAt: 1 },
    { type: 'signed_in', issuer, scope: [], expiresAt: 1, account: { id: 'private' } as never },
    { type: 'sign_in_failed', error },
  ];
  const lines = events.map(logLine);
  expect(lines.join('\n')).not.toContain('private');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { type: 'authorization_url' },
    { type: 'device_code', issuer },
    { type: 'signed_in', issuer },
    { type: 'sign_in_failed', code: 'network_error', stage: 'token', message: 'Try again.' },
  ]);
});

it('the mapping is the one of the example', () => {
  const source = documentText('examples/opentelemetry/spans.ts');
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(80);
  const mapped = [...source.matchAll(/^ {2}(\w+): '([a-z_.]+)',$/gm)].map(([, fact, attribute]) => [fact, attribute]);
  const documented = named('OpenTelemetry').flatMap(([facts, attribute]) =>
    words(facts).map((fact) => [fact, words(attribute)[0]?.replace(/^mcp_oauth\.$/, `mcp_oauth.${fact}`)]),
  );
  expect(documented).toEqual(mapped);
});

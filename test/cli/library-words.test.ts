import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.js';
import { inFlags, withFlags } from '../../src/cli/library-words.js';
import { createProgram } from '../../src/cli/program.js';
import { Sink } from './support.js';

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));

/** Every text of the library that is long enough to be a message, with `…` for what is filled in. */
function messages(): string[] {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.ts') && !/^cli[/\\]/.test(file)).flatMap(messagesOf);
}

function messagesOf(file: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text === undefined) ts.forEachChild(node, visit);
    else if (text.includes(' ')) found.push(text);
  };
  const path = join(SOURCES, file);
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest));
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}

/** The library's names of what the command has a flag for. */
const NAMED =
  /allowInsecureHttp|allowPrivateNetwork|timeouts\.signIn|issuerExceptions|initialAccessToken|resource: false|resourceMetadataUrl|clientMetadataUrl|clientInformation|scope: \{|authorizationParameters|loopback\.port|authorize\(/;

/** Flags in a text. */
const flagsIn = (text: string) => text.match(/--[a-z][a-z0-9-]+/g) ?? [];

describe('what the library says, to whoever runs the command', () => {
  it('names flags and no option, whatever the message', () => {
    const about = messages().filter((message) => NAMED.test(message));
    expect(about.length).toBeGreaterThan(30);
    expect(about.map(inFlags).filter((message) => NAMED.test(message))).toEqual([]);
  });

  it('names flags that login has', () => {
    const io = { stdout: new Sink(), stderr: new Sink(), env: {}, version: '1.2.3' } as unknown as Io;
    const login = createProgram(io).commands.find((command) => command.name() === 'login');
    const known = new Set(login?.options.map(({ long }) => long));
    const translated = messages()
      .filter((message) => inFlags(message) !== message)
      .map(inFlags);
    const named = new Set(translated.flatMap(flagsIn));
    expect(named.size).toBeGreaterThan(15);
    expect([...named].filter((flag) => !known.has(flag))).toEqual([]);
  });

  it.each([
    [
      'Use https, or list the host in network.allowInsecureHttp.',
      'Use https, or list the host in --allow-insecure-http.',
    ],
    [
      'Nobody finished the sign-in within 300 s (timeouts.signIn).',
      'Nobody finished the sign-in within 300 s (--timeout).',
    ],
    ["try registration: 'dynamic', or a fixed loopback.port", 'try --registration dynamic, or a fixed --callback-port'],
    ['set `resource: false`', 'set --resource none'],
    ['Ask for it by authorize({ scope }).', 'Ask for it by login --scope.'],
    [
      'This account signed out. Call authorize() of the provider to sign in again (with withOAuth: getAuthProvider(transport)?.authorize()).',
      'This account signed out. Run login to sign in again.',
    ],
    [
      'say so with the option `issuerExceptions` (`assumeS256: true`), filed under this issuer.',
      'say so with the option --assume-s256 ISSUER.',
    ],
    [
      'set `initialAccessToken`, or get a client id from its operator and set `clientInformation`.',
      'set --initial-access-token-env, or get a client id from its operator and set --client-id.',
    ],
    ["Set the option `dpop` to true or 'auto'.", 'Set the option --dpop.'],
    ['the document has no `resource` string', 'the document has no `resource` string'],
  ])('%s', (library, command) => {
    expect(inFlags(library)).toBe(command);
  });

  it("has the flags behind the option in doctor's advice, which is for programs too", () => {
    expect(withFlags('Set `resource: false`, and `scope: { override }` with what the server needs.')).toBe(
      'Set `resource: false`, and `scope: { override }` with what the server needs. (As flags of login: --resource none, --scope-override.)',
    );
    expect(withFlags('Set `issuerExceptions` with `assumeS256: true` for this issuer.')).toContain(
      '--assume-s256 ISSUER.)',
    );
    expect(withFlags('Host one and set `clientMetadataUrl` (here: --client-metadata-url).')).not.toContain('As flags');
    expect(withFlags('Nothing has to be done.')).toBe('Nothing has to be done.');
  });
});

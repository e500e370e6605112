import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { titlesIn } from './field/titles.js';

const TEST = fileURLToPath(new URL('.', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../docs/servers.md', import.meta.url));

/** The last of the numbered complaints that users of MCP clients have: each is held by a test that says its number. */
const ROWS = 48;

/** The providers whose servers deviate; each has a test server that deviates in that way. */
const PROVIDERS = [
  ...['GitHub', 'Slack', 'Google', 'Entra ID', 'Auth0', 'Okta', 'Keycloak', 'Cognito', 'Atlassian', 'Notion'],
  ...['Linear', 'Sentry', 'Stripe', 'Figma', 'ClickUp', 'Salesforce', 'HubSpot', 'Self-hosted servers'],
];

function titlesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .flatMap((path) => titlesIn(readFileSync(join(folder, path), 'utf8')));
}

describe('what users of MCP clients suffer from', () => {
  it('is held by tests that say so in their titles, each row of it', () => {
    const titles = titlesBelow(TEST).join('\n');
    const rows = Array.from({ length: ROWS }, (_, index) => `F${index + 1}`);
    expect(rows.filter((row) => !new RegExp(`\\b${row}\\b`).test(titles))).toEqual([]);
  });

  it('comes from servers that deviate, each of which is played in a test', () => {
    const titles = titlesBelow(join(TEST, 'deviations')).join('\n');
    expect(PROVIDERS.filter((name) => !titles.includes(name))).toEqual([]);
  });

  it('is documented for each of these servers, in a row of docs/servers.md', () => {
    const cells = readFileSync(DOCUMENT, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|')[1] ?? '');
    expect(PROVIDERS.filter((name) => !cells.some((cell) => cell.includes(name)))).toEqual([]);
  });
});

describe('the titles of a test file', () => {
  it('are those of describe, it and test, plain, by tables and with options', () => {
    const source = [
      "describe('F1 a', () => {",
      "  it.each([['F2 in a table', 1]])('%s b', { timeout: 1 }, (_, n) => {});",
      ['  it(`F3 $', '{name} c`, () => { expect("F4").toBe(1); });'].join(''),
      "  describe.each(['x'])('F5 d', () => {});",
      "  it.runIf(process.platform === 'F6')('F7 e', () => {});",
      "  const it2 = call('F8');",
      '  // it("F9")',
      '});',
    ].join('\n');
    const titles = titlesIn(source).join('\n');
    expect(titles.match(/F\d/g)).toEqual(['F1', 'F2', 'F3', 'F5', 'F7']);
  });
});

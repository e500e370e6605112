import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { deviations } from '../../src/testing/index.js';

it('has each provider of docs/servers.md', () => {
  const rows = readFileSync('docs/servers.md', 'utf8').matchAll(/^\| (?!Provider|---|Self-hosted)([^|]+) \|/gm);
  const providers = [...rows].flatMap(([, names = '']) => names.split(', ')).map((name) => name.replace(' ID', ''));
  expect(providers.map((name) => name.toLowerCase()).toSorted()).toEqual(
    Object.keys(deviations).map((name) => name.toLowerCase()),
  );
});

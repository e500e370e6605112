import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import * as testing from '../../src/testing/index.js';

const guides = readdirSync('docs').filter((name) => name.endsWith('.md'));
const text = ['README.md', ...guides.map((name) => `docs/${name}`)]
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

describe('README.md and the guides', () => {
  it.for(Object.keys({ ...library, ...testing }))('name the export %s', (name) => {
    expect(text).toMatch(new RegExp(`\\b${name}\\b`));
  });
});

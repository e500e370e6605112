import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderMarkdown } from '../../bench/render.js';
import type { Results } from '../../bench/results.js';

it('the table of README.md is what one whole run printed, whose results lie beside the bench', () => {
  const results = JSON.parse(readFileSync('bench/results.json', 'utf8')) as Results;
  expect(readFileSync('README.md', 'utf8')).toContain(renderMarkdown(results));
});

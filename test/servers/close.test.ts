import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { bundled } from '../support/bundled.js';

it('lets the process end by itself, with streams and calls under way, and prints nothing of its own', async () => {
  const program = await bundled(new URL('./open-and-close.ts', import.meta.url));
  onTestFinished(program.close);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program.path], { timeout: 25_000 });
  expect(JSON.parse(stdout)).toEqual({ statuses: [200, 200, 200], listening: [] });
  expect(stderr).toBe('');
}, 30_000);

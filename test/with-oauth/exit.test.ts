import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { bundled } from '../support/bundled.js';

it('leaves nothing open that keeps the process alive, and prints nothing of its own', async () => {
  const program = await bundled(new URL('./open-and-leave.ts', import.meta.url));
  onTestFinished(program.close);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program.path], { timeout: 50_000 });
  const codes = ['interaction_required', 'sign_in_timeout', 'closed'];
  expect(JSON.parse(stdout)).toEqual({ codes: [...codes, ...codes, ...codes, ...codes], listening: [] });
  expect(stderr).toBe('');
}, 60_000);

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./open-and-leave.ts', import.meta.url));

it('leaves nothing open that keeps the process alive, and prints nothing of its own', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', SCRIPT], {
    timeout: 50_000,
  });
  const codes = ['interaction_required', 'sign_in_timeout', 'closed'];
  expect(JSON.parse(stdout)).toEqual({ codes: [...codes, ...codes, ...codes, ...codes], listening: [] });
  expect(stderr).toBe('');
}, 60_000);

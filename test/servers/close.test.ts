import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./open-and-close.ts', import.meta.url));

it('lets the process end by itself, with streams and calls under way, and prints nothing of its own', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', SCRIPT], {
    timeout: 25_000,
  });
  expect(JSON.parse(stdout)).toEqual({ statuses: [200, 200, 200], listening: [] });
  expect(stderr).toBe('');
}, 30_000);

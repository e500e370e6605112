// Run in a process of its own by file-bad-input.test.ts, with a limit of the system on it: reads, writes and locks, and says in JSON what happened.
import { isMcpOAuthError } from '../../src/errors.js';
import { FileTokenStore } from '../../src/stores/file-token-store.js';

const [directory = ''] = process.argv.slice(2);
const store = new FileTokenStore({ directory, keyStorage: 'file' });
const outcomes: Record<string, unknown> = {};
const attempt = async (name: string, work: () => Promise<unknown>) => {
  try {
    outcomes[name] = { value: await work() };
  } catch (error) {
    outcomes[name] = isMcpOAuthError(error) ? { code: error.code, message: error.message } : { stack: String(error) };
  }
};
await attempt('set', () => store.set('a', 'new'.repeat(2_000)));
await attempt('get', () => store.get('a'));
await attempt('lock', () => store.lock('a', async () => 'held'));
process.stdout.write(JSON.stringify(outcomes));

// Run in a process of its own by file-lock.test.ts: takes the lock and never gives it back. With `leave` there is nothing
// else to do, so that the process ends by itself.
import { systemClock } from '../../src/clock.js';
import { FileLock } from '../../src/stores/file-lock.js';

const [directory = '', mode] = process.argv.slice(2);
const lock = new FileLock({ directory, clock: systemClock, staleMs: 2_000, updateMs: 1_000 });
void lock.run('a', () => {
  process.stdout.write('held\n');
  if (mode !== 'leave') setInterval(() => {}, 60_000);
  return new Promise(() => {});
});

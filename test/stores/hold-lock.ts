// Run in a process of its own by file-lock-holder.test.ts: takes the lock. With `leave` there is nothing else to do, so that the
// process ends by itself. With `stay` it keeps the lock until it is sent a line, and answers what became of it.
import { systemClock } from '../../src/clock.js';
import { FileLock } from '../../src/stores/file-lock.js';

const [directory = '', mode, staleMs, updateMs] = process.argv.slice(2);
const lock = new FileLock({ directory, clock: systemClock, staleMs: Number(staleMs), updateMs: Number(updateMs) });
void lock.run('a', async (lease) => {
  process.stdout.write('held\n');
  if (mode === 'leave') return new Promise(() => {});
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const kept = await lock.assertLive(lease).then(
    () => true,
    () => false,
  );
  process.stdout.write(kept && !lease.signal.aborted ? 'kept\n' : 'lost\n');
  process.stdin.destroy();
});

/** Runs before the system tests: one plain message instead of a time-out in each of them. */
import { missingRequirements } from './requirements.js';

const missing = missingRequirements();
if (missing.length > 0) {
  process.stderr.write(`The system tests cannot run on this machine.\n${missing.join('\n')}\n`);
  process.exitCode = 1;
}

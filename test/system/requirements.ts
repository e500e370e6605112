import { accessSync, constants } from 'node:fs';

/** The browser that plays the person's browser. `CHROMIUM` names another one than Debian's. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** What the system tests need beside Node, and how to get it. */
const REQUIRED = [
  {
    path: CHROMIUM,
    remedy: 'install it (Debian: apt-get install chromium) or name the program in the variable CHROMIUM',
  },
];

/** The lines that say what is missing; empty where everything is there. */
export function missingRequirements(required: readonly { path: string; remedy: string }[] = REQUIRED): string[] {
  return required.filter(({ path }) => !isExecutable(path)).map(({ path, remedy }) => `${path} is missing: ${remedy}.`);
}

/** Runs once before all system tests: one plain message instead of a time-out in each of them. */
export function setup(): void {
  const missing = missingRequirements();
  if (missing.length === 0) return;
  throw new Error(['The system tests cannot run on this machine.', ...missing].join('\n'));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

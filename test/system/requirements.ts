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

/** A line for everything that is missing on this machine. */
export function missingRequirements(): string[] {
  return REQUIRED.filter(({ path }) => !isExecutable(path)).map(({ path, remedy }) => `${path} is missing: ${remedy}.`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

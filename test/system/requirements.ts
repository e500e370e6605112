import { accessSync, constants } from 'node:fs';
import { DBUS_DAEMON, DBUS_SEND, GNOME_KEYRING } from './keychain-service.js';
import { REDIS_SERVER } from './redis-program.js';

/** The browser that plays the person's browser. `CHROMIUM` names another one than Debian's. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Gives a program a terminal; of util-linux, whose `-e` and `-c` others do not have. */
export const SCRIPT = '/usr/bin/script';

/** The user that owns nothing, the same number on every Linux. */
export const NOBODY = 65_534;

/** Where the tests do not run as root, who alone can play two users. */
export const ROOT_REMEDY = 'root is missing: the tests of another local user play two users; run them as root.';

/** What the system tests need beside Node, and how to get it. */
const REQUIRED = [
  {
    path: CHROMIUM,
    remedy: 'install it (Debian: apt-get install chromium) or name the program in the variable CHROMIUM',
  },
  {
    path: REDIS_SERVER,
    remedy: 'install it (Debian: apt-get install redis-server) or name the program in the variable REDIS_SERVER',
  },
  { path: SCRIPT, remedy: 'install it (Debian: apt-get install bsdutils)' },
  { path: GNOME_KEYRING, remedy: 'install it (Debian: apt-get install gnome-keyring)' },
  { path: DBUS_DAEMON, remedy: 'install it (Debian: apt-get install dbus-daemon)' },
  { path: DBUS_SEND, remedy: 'install it (Debian: apt-get install dbus-bin)' },
  {
    path: '/usr/bin/g++',
    remedy:
      'keytar is built from source for a test; install a compiler and libsecret (Debian: apt-get install build-essential python3 pkg-config libsecret-1-dev)',
  },
];

/** A line for everything that is missing on this machine. */
export function missingRequirements(): string[] {
  const programs = REQUIRED.filter(({ path }) => !isExecutable(path));
  return [
    ...programs.map(({ path, remedy }) => `${path} is missing: ${remedy}.`),
    ...(process.getuid?.() === 0 ? [] : [ROOT_REMEDY]),
  ];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

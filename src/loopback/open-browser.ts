import type { ChildProcess } from 'node:child_process';
import { win32 } from 'node:path';
import { type Clock, systemClock } from '../clock.js';

/** The variables that say where a browser is. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Starts the program that opens `url`; resolves once it runs.
 * @internal
 */
type Opener = (url: string) => Promise<ChildProcess>;

/** How long a program is watched for failing at once, in milliseconds. */
const WATCH_MS = 1_000;
/** How long the start itself may take, in milliseconds. */
const START_MS = 10_000;

/**
 * Opens `url` in the user's browser, normalised and as one argument of a program: the platform's opener through the
 * `open` package, which honours `BROWSER`; on Windows and WSL `rundll32.exe`, since `open` would use PowerShell there.
 *
 * Nothing that happens here is fatal: show the URL where the answer is `false`.
 *
 * @param url an absolute `http` or `https` URL; the caller has judged where it leads
 * @returns `true` where a program was started and did not fail within a second; it never rejects
 * @see CVE-2025-6514 for what other schemes and shells led to
 * @see MCP security best practices, "Secure URL Opening": no shell opens a URL
 */
export async function openInBrowser(url: string): Promise<boolean> {
  if (!hasPlaceForBrowser(process.platform, process.env)) return false;
  return launch(url, openerFor(process.platform, process.env), systemClock);
}

function openerFor(system: string, environment: Environment): Opener {
  if (usesWindowsBrowser(system, environment)) {
    return (url) => run(urlHandlerOfWindows(system, environment), ['url.dll,FileProtocolHandler', url]);
  }
  const named = browserNamedOverSsh(system, environment);
  return named === undefined ? openByPackage : (url) => run(named, [url]);
}

const openByPackage: Opener = async (url) => {
  // Imported on use: a program that never signs anybody in does not pay for it.
  const { default: open } = await import('open');
  return open(url);
};

/**
 * The handler of Windows for URLs, started without a shell. On Windows it is named in full: a bare name is looked for in the current
 * directory first, which may be a project of a stranger's. From WSL it is found on the PATH and shows the same browser.
 * @internal
 */
export function urlHandlerOfWindows(system: string, environment: Environment): string {
  if (system !== 'win32') return 'rundll32.exe';
  const { SystemRoot: root = '' } = environment;
  return win32.join(/^[a-z]:\\/i.test(root) ? root : 'C:\\Windows', 'System32', 'rundll32.exe');
}

async function run(program: string, parameters: readonly string[]): Promise<ChildProcess> {
  const { spawn } = await import('node:child_process');
  return spawn(program, parameters, { stdio: 'ignore', shell: false, windowsHide: true });
}

/**
 * The program that `BROWSER` names where someone works on a Mac over SSH: an editor's helper that opens the browser of their own
 * machine. The platform's opener does not heed it, and would show a browser where nobody sits.
 * @internal
 */
export function browserNamedOverSsh(system: string, environment: Environment): string | undefined {
  const { BROWSER: browser = '', SSH_CONNECTION: connection = '' } = environment;
  return system === 'darwin' && connection !== '' && browser.startsWith('/') ? browser : undefined;
}

/**
 * Whether the browser is one of Windows.
 * @internal
 */
export function usesWindowsBrowser(system: string, environment: Environment): boolean {
  return system === 'win32' || (system === 'linux' && (environment['WSL_INTEROP'] ?? '') !== '');
}

/**
 * {@link openInBrowser} with its parts given.
 * @internal
 */
export async function launch(url: string, open: Opener, clock: Clock): Promise<boolean> {
  if (!URL.canParse(url)) return false;
  const { protocol, href } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return false;
  return new Promise((resolve) => {
    let settled = false;
    const settle = (opened: boolean) => {
      settled = true;
      cancel();
      resolve(opened);
    };
    let cancel = clock.schedule(START_MS, () => settle(false), { keepAlive: true });
    const watch = (child: ChildProcess) => {
      // The handler stays: an error that comes later must not end the process.
      child.on('error', () => settle(false));
      child.once('close', (code) => settle(code === 0));
      child.unref();
      // On Windows `open` waits for its helper to end before it resolves.
      if (child.exitCode !== null || child.signalCode !== null) return settle(child.exitCode === 0);
      if (settled) return;
      cancel();
      // Either a browser, which stays for as long as the user likes, or a helper that is still at it.
      cancel = clock.schedule(WATCH_MS, () => settle(true), { keepAlive: true });
    };
    void (async () => watch(await open(href)))().catch(() => settle(false));
  });
}

/**
 * Whether a browser could be seen at all. On Linux without a display the opener falls back to text browsers, which run
 * without a terminal here: they fetch the page, show it to nobody and report success.
 * @internal
 */
export function hasPlaceForBrowser(system: string, environment: Environment): boolean {
  if (system === 'win32' || system === 'darwin' || system === 'android') return true;
  // WSL shows the browser of Windows.
  const names = ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_DISTRO_NAME', 'WSL_INTEROP'];
  return names.some((name) => (environment[name] ?? '') !== '') || namesBrowser(environment['BROWSER'] ?? '');
}

/** Programs that show a page on a terminal only. */
const TEXT_BROWSER = /^(w3m|lynx|links2?|elinks|www-browser)$/;

/** Whether a value of `BROWSER`, a list of programs, names one that is not a text browser. */
function namesBrowser(programs: string): boolean {
  const names = programs.split(':').map((program) => program.trim().split(/\s/)[0]?.split('/').at(-1) ?? '');
  return names.some((name) => name !== '' && !TEXT_BROWSER.test(name));
}

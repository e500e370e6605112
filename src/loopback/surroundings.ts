import type { RemoteKind } from '../types.js';
import { browserNamedOverSsh, type Environment, hasPlaceForBrowser } from './open-browser.js';

/** Where this process runs, as far as a sign-in is concerned. */
export interface Surroundings {
  /** Set where the person probably sits at another machine, so that a browser's callback may not get here. */
  readonly remote?: RemoteKind;
  /** Whether a browser that is opened from here can be seen by the person. */
  readonly canShowBrowser: boolean;
}

/** What {@link detectSurroundings} looks at; tests replace it. */
export interface Machine {
  /** As `process.platform` names it. */
  readonly platform: string;
  readonly environment: Environment;
  readonly isInSsh: () => Promise<boolean>;
  readonly isInsideContainer: () => Promise<boolean>;
  readonly isWsl: () => Promise<boolean>;
}

/** The machine that this process runs on. What asks the system is loaded on use: most programs find their session in the store. */
const thisMachine = (): Machine => ({
  platform: process.platform,
  environment: process.env,
  isInSsh: async () => (await import('is-in-ssh')).default,
  isInsideContainer: async () => (await import('is-inside-container')).default(),
  isWsl: async () => (await import('is-wsl')).default,
});

/** What the tools set that run a workspace elsewhere. */
const WORKSPACES: readonly (readonly [RemoteKind, readonly string[]])[] = [
  ['codespaces', ['CODESPACES']],
  ['devcontainer', ['REMOTE_CONTAINERS', 'REMOTE_CONTAINERS_IPC', 'DEVCONTAINER', 'DEVCONTAINER_ID']],
];

/**
 * Whether the person sits elsewhere (SSH, a container, WSL, a Codespace, a devcontainer), and whether a browser that is opened
 * here reaches them: it does with a display, in WSL, and where an editor's remote set `BROWSER` to its helper, which opens
 * the browser of the person's own machine. Over SSH the screen of this machine is nobody's. It never rejects.
 */
export async function detectSurroundings(machine: Machine = thisMachine()): Promise<Surroundings> {
  const { platform, environment } = machine;
  const overSsh = await answer(machine.isInSsh);
  const remote = workspaceIn(environment) ?? (overSsh ? 'ssh' : await systemKind(machine));
  const canShowBrowser =
    hasPlaceForBrowser(platform, environment) && (!overSsh || reachesOverSsh(platform, environment));
  return { canShowBrowser, ...(remote === undefined ? {} : { remote }) };
}

function workspaceIn(environment: Environment): RemoteKind | undefined {
  return WORKSPACES.find(([, names]) => names.some((name) => isSet(environment[name])))?.[0];
}

async function systemKind({ isWsl, isInsideContainer }: Machine): Promise<RemoteKind | undefined> {
  if (await answer(isWsl)) return 'wsl';
  return (await answer(isInsideContainer)) ? 'container' : undefined;
}

/** A forwarded display, or a program that the person or their editor named. Windows heeds neither. */
function reachesOverSsh(platform: string, { DISPLAY: display = '', ...others }: Environment): boolean {
  if (platform === 'darwin') return browserNamedOverSsh(platform, others) !== undefined;
  if (platform === 'win32') return false;
  // `localhost:10.0` is forwarded; `:0` is the screen of this machine.
  return hasPlaceForBrowser(platform, { BROWSER: others['BROWSER'] }) || /^[^:/]+:\d/.test(display);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value.toLowerCase() !== 'false';
}

/** A library that cannot look, in a bundle for instance, has seen nothing. */
async function answer(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look();
  } catch {
    return false;
  }
}

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { DIST_ENTRY } from './library.js';

/** Programs that let a host which speaks stdio only reach a protected remote server: `examples/stdio-proxy`, and mcp-remote. */
export const BRIDGES = ['ours', 'mcpRemote'] as const;
export type BridgeName = (typeof BRIDGES)[number];

export interface BridgePrograms {
  /** What Node runs, the server's URL after it. */
  readonly programs: Readonly<Record<BridgeName, string>>;
  /** Of mcp-remote. */
  readonly version: string;
  close(): Promise<void>;
}

const MODULES = new URL('../node_modules/', import.meta.url);
const MCP_REMOTE = new URL('mcp-remote/', MODULES);

/** Why bridges cannot be measured on this machine, where they cannot. */
export function missingForBridges(): string | undefined {
  return process.platform === 'linux'
    ? undefined
    : "mcp-remote opens the desktop's browser, which only Linux lets this program replace";
}

/** Ours as mcp-remote comes: with the MCP SDK in one file, and the packages of the library beside it. */
export async function prepareBridges(): Promise<BridgePrograms> {
  const { version } = JSON.parse(await readFile(new URL('package.json', MCP_REMOTE), 'utf8')) as { version: string };
  const cache = fileURLToPath(new URL('.cache/', MODULES));
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(`${cache}bench-bridge-`);
  const close = () => rm(directory, { recursive: true, force: true });
  const entry = fileURLToPath(DIST_ENTRY);
  const program = `${directory}/bridge.mjs`;
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('../examples/stdio-proxy/main.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      alias: { 'mcp-oauth-client': entry },
      external: [entry],
      // CommonJS packages in an ES module ask for it.
      banner: { js: "import { createRequire as of } from 'node:module'; const require = of(import.meta.url);" },
      logLevel: 'error',
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    programs: { ours: program, mcpRemote: fileURLToPath(new URL('dist/proxy.js', MCP_REMOTE)) },
    version,
    close,
  };
}

/** A machine without desktop, keychain and session, whose browser is there and opens nothing: the person reads the URL. */
export function bridgeEnvironment(home: string): Record<string, string> {
  return {
    PATH: ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    HOME: home,
    XDG_DATA_HOME: home,
    MCP_REMOTE_CONFIG_DIR: home,
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
    BROWSER: 'true',
  };
}

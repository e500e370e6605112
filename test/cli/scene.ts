import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type RotatingServer,
  type RotatingServerOptions,
  startRotatingServer,
} from '../../examples/servers/rotating-server.js';
import { type Person, person } from '../auth-provider/support.js';
import { SystemStandIn } from '../stores/system-stand-in.js';
import { type CommandOptions, command, type Outcome, type Running, start } from './support.js';

/** A machine, a person and a server that is protected. Nobody has signed in. */
export interface CliScene {
  readonly server: RotatingServer;
  readonly who: Person;
  readonly system: SystemStandIn;
  /** A directory that is gone at the end. */
  readonly home: string;
  run(argv: readonly string[], options?: Partial<CommandOptions>): Promise<Outcome>;
  start(argv: readonly string[], options?: Partial<CommandOptions>): Running;
  close(): Promise<void>;
}

/** Commands that share one machine with a keychain. */
export async function cliScene(serverOptions: RotatingServerOptions = {}, who: Person = person()): Promise<CliScene> {
  const home = await mkdtemp(join(tmpdir(), 'cli-'));
  const server = await startRotatingServer(serverOptions);
  const system = new SystemStandIn(home);
  const all = (options: Partial<CommandOptions> = {}): CommandOptions => ({
    system,
    openBrowser: who.openBrowser,
    ...options,
  });
  return {
    server,
    who,
    system,
    home,
    run: (argv, options) => command(argv, all(options)),
    start: (argv, options) => start(argv, all(options)),
    async close() {
      await who.close();
      await server.close();
      // An interrupted command may still be letting go of its locks.
      await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    },
  };
}

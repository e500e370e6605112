import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT_CODES_HELP } from './exit-code.js';
import { printable } from './printable.js';

/** Which session is meant, and where it is kept. */
export interface StoreFlags {
  readonly account?: string;
  readonly store?: 'keychain' | 'file';
  readonly directory?: string;
}

/** How a person signs in. */
export interface SignInFlags {
  readonly clientId?: string;
  readonly clientSecretEnv?: string;
  readonly clientMetadataUrl?: string;
  readonly registration?: 'auto' | 'pre-registered' | 'cimd' | 'dynamic';
  readonly callbackHost?: string;
  readonly callbackPort?: number;
  readonly callbackPath?: string;
  readonly device?: true;
  readonly dpop?: true;
  readonly browser?: boolean;
  readonly timeout?: number;
  readonly interactive?: true;
  readonly nonInteractive?: true;
}

/** How the outcome is shown. */
export interface OutputFlags {
  readonly json?: true;
  readonly quiet?: true;
}

/** How the MCP server is spoken to. */
export interface TransportFlags {
  readonly transport: 'http' | 'sse';
}

/** The MCP endpoint, as the first argument. */
export function urlArgument(flags = '<url>'): Argument {
  return new Argument(flags, 'the MCP endpoint, e.g. https://mcp.example.com/mcp').argParser(serverUrl);
}

function serverUrl(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return new URL(value).href;
  const completed = `https://${value}`;
  const hint = /^[\w.-]+(:\d+)?(\/|$)/.test(value) && URL.canParse(completed) ? ` Write ${completed}.` : '';
  throw new InvalidArgumentError(`${printable(value, 200)} is not an absolute https URL.${hint}`);
}

const STORE_GROUP = 'Where the session is kept (default: the keychain, else files):';

/** Adds the options that say which session is meant. */
export function addStoreOptions(command: Command): Command {
  return command
    .option('--account <name>', 'keep several accounts at one server apart, by a name of your own')
    .addOption(
      new Option('--store <kind>', 'keychain, or nothing; file: encrypted files, with their key beside them')
        .choices(['keychain', 'file'])
        .helpGroup(STORE_GROUP),
    )
    .addOption(
      new Option('--directory <dir>', 'the directory of those files; implies --store file').helpGroup(STORE_GROUP),
    );
}

const SIGN_IN_GROUP = 'How to sign in, where that is needed:';

/** Adds the options of a sign-in. `explicit`: the command is a request to sign in, and does not guess whether someone is there. */
export function addSignInOptions(command: Command, { explicit }: { readonly explicit: boolean }): Command {
  const add = (option: Option) => void command.addOption(option.helpGroup(SIGN_IN_GROUP));
  add(new Option('--client-id <id>', 'a client that you registered with the authorization server yourself'));
  add(new Option('--client-secret-env <var>', 'the environment variable that holds its secret'));
  add(new Option('--client-metadata-url <url>', 'the https URL of a Client ID Metadata Document'));
  add(
    new Option('--registration <mode>', 'how to get a client id (default: auto)').choices([
      'auto',
      'pre-registered',
      'cimd',
      'dynamic',
    ]),
  );
  add(new Option('--callback-host <host>', 'where the browser comes back: 127.0.0.1 (default), ::1 or localhost'));
  add(new Option('--callback-port <port>', 'a fixed port for it (default: a free one)').argParser(port));
  add(new Option('--callback-path <path>', 'its path (default: /callback)'));
  add(new Option('--device', 'with a short code that is entered on any device, without a browser here'));
  add(new Option('--dpop', 'ask for tokens that are bound to a key, where both servers offer that (not for token)'));
  add(new Option('--no-browser', 'show the URL, and open no browser'));
  add(new Option('--timeout <seconds>', 'how long the sign-in may take (default: 300)').argParser(seconds));
  if (!explicit) {
    add(new Option('--interactive', 'sign in even where stdin or stderr is no terminal').conflicts('nonInteractive'));
  }
  return command.addOption(
    new Option('--non-interactive', 'never ask anyone: fail at once with the command to run').helpGroup(SIGN_IN_GROUP),
  );
}

/** Adds the options of the output. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'machine-readable: the result as JSON on stdout, an error as JSON on stderr')
    .option('-q, --quiet', 'nothing on stderr but errors, and what a person needs to sign in');
}

/** Adds the choice of the MCP transport. */
export function addTransportOption(command: Command): Command {
  return command.addOption(
    new Option('--transport <kind>', 'Streamable HTTP, or the older HTTP with SSE')
      .choices(['http', 'sse'])
      .default('http'),
  );
}

/** Adds what stands at the end of every command's `--help`. */
export function addExamples(command: Command, examples: readonly string[], note?: string): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n');
  return command.addHelpText(
    'after',
    `${note === undefined ? '' : `\n${note}\n`}\nExamples:\n${lines}\n\n${EXIT_CODES_HELP}`,
  );
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d{1,5}$/.test(value) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}

function seconds(value: string): number {
  const number = Number(value);
  if (/^\d+(\.\d+)?$/.test(value) && number > 0 && number <= 86_400) return number;
  throw new InvalidArgumentError('It must be a number of seconds above 0, at most 86400.');
}

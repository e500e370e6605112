import type { StoreFlags } from './options.js';

/** `text` as one word of a command line that a person pastes into a shell. */
export function shellQuote(text: string, platform: NodeJS.Platform): string {
  // In cmd.exe and PowerShell alike; neither has an escape that works in both, so what would need one goes.
  if (platform === 'win32') return `"${text.replace(/["%$`]/g, encodeURIComponent)}"`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The command line `mcp-oauth-client COMMAND URL` for the same session. */
export function commandLine(
  command: string,
  url: string,
  flags: StoreFlags,
  platform: NodeJS.Platform,
  extra: readonly string[] = [],
): string {
  const quote = (text: string) => shellQuote(text, platform);
  const { account, store, directory } = flags;
  return [
    'mcp-oauth-client',
    command,
    quote(url),
    ...(account === undefined ? [] : ['--account', quote(account)]),
    ...(store === undefined ? [] : ['--store', store]),
    ...(directory === undefined ? [] : ['--directory', quote(directory)]),
    ...extra,
  ].join(' ');
}

import type { Io } from './io.js';
import type { OutputFlags } from './options.js';
import { type OpenedProvider, type OpenOptions, openProvider } from './provider.js';
import { reportError, reportInterruption } from './report.js';
import type { RepeatedFlags } from './shell.js';

/** Runs the work of a command, reports its failure, and says what the process ends with. */
export async function perform(
  io: Io,
  { url, flags }: { readonly url?: string | undefined; readonly flags: RepeatedFlags & OutputFlags },
  work: (context: { scope?: readonly string[] | undefined }) => Promise<number>,
): Promise<void> {
  const json = flags.json === true;
  const context: { scope?: readonly string[] | undefined } = {};
  try {
    io.exitWith(await work(context));
  } catch (error) {
    if (io.signal.aborted) return io.exitWith(reportInterruption(io, json));
    const about = url === undefined ? undefined : { url, flags, platform: io.platform, scope: context.scope };
    io.exitWith(reportError(io, error, json, about));
  }
}

/** {@link perform} with the provider of a session, which is closed at the end. */
export function performWithProvider(
  io: Io,
  url: string,
  options: OpenOptions,
  work: (opened: OpenedProvider) => Promise<number>,
): Promise<void> {
  return perform(io, { url, flags: options.flags }, async (context) => {
    const opened = await openProvider(io, url, options);
    try {
      return await work(opened);
    } finally {
      context.scope = opened.requiredScope();
      await opened.close();
    }
  });
}

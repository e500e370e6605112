import { styleText } from 'node:util';
import type { Io, Output } from './io.js';

export type Style = Parameters<typeof styleText>[0];

/** Styles text, or leaves it as it is where colours are not wanted. */
export type Paint = (style: Style, text: string) => string;

/**
 * Whether to colour: as `NO_COLOR` and `FORCE_COLOR` say, else where there is a terminal that can.
 *
 * @see {@link https://no-color.org | NO_COLOR}
 */
export function wantsColour(output: Output, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  if (output.isTTY !== true || env['TERM'] === 'dumb') return false;
  // By the convention an empty value says nothing, but Node takes it for a no.
  const { NO_COLOR: _empty, ...others } = env;
  return output.hasColors?.(others) ?? false;
}

/** Styles text for one of the two streams. */
export function painter(io: Io, stream: 'stdout' | 'stderr'): Paint {
  return painterWhere(wantsColour(io[stream], io.env));
}

/** Styles text where colours are wanted, which is decided before, for the stream that is written to. */
export function painterWhere(colour: boolean): Paint {
  return (style, text) => (colour && text !== '' ? styleText(style, text, { validateStream: false }) : text);
}

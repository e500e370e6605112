import { InvalidArgumentError } from 'commander';
import { hostMatcher } from '../http/index.js';
import { printable } from './printable.js';

/** What an option's parser gives for a value that is no URL. */
export function absoluteUrl(value: string): string {
  if (URL.canParse(value)) return value;
  throw new InvalidArgumentError('It must be an absolute URL.');
}

/** The MCP endpoint. */
export function serverUrl(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return new URL(value).href;
  const isHere = /^(localhost|127(\.\d{1,3}){3})(:|\/|$)/i.test(value);
  const completed = `${isHere ? 'http' : 'https'}://${value}`;
  const hint =
    /^[\w.-]+(:\d+)?(\/|$)/.test(value) && URL.canParse(completed) ? ` Write ${printable(completed, 200)}.` : '';
  throw new InvalidArgumentError(
    `${printable(value, 200)} is not an absolute ${isHere ? 'http' : 'https'} URL.${hint}`,
  );
}

/** The resource indicator, or `none`. */
export function resourceIndicator(value: string): string {
  return value === 'none' ? value : absoluteUrl(value);
}

/** 0 is a free one. */
export function port(value: string): number {
  const number = Number(value);
  if (/^\d{1,5}$/.test(value) && number <= 65_535) return number;
  throw new InvalidArgumentError('It must be a number from 1 to 65535, or 0 for a free one.');
}

/** A number of seconds up to `most`. */
export function secondsUpTo(most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (/^\d+(\.\d+)?$/.test(value) && number > 0 && number <= most) return number;
    throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${most}.`);
  };
}

/** A host, beside those that were named before. */
export function addedHost(value: string, hosts: readonly string[] = []): string[] {
  try {
    hostMatcher('allowInsecureHttp', [value]);
  } catch {
    throw new InvalidArgumentError('It must be a host, such as auth.internal or auth.internal:8080.');
  }
  return [...hosts, value];
}

/** A URL, beside those that were named before. */
export function addedUrl(value: string, urls: readonly string[] = []): string[] {
  return [...urls, absoluteUrl(value)];
}

/** `NAME=VALUE`, beside those that were named before. */
export function addedParameter(
  value: string,
  parameters: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, rest] = /^([^=\s]+)=(.*)$/s.exec(value) ?? [];
  if (name === undefined || rest === undefined) throw new InvalidArgumentError('It must be NAME=VALUE.');
  if (Object.hasOwn(parameters, name)) throw new InvalidArgumentError(`${printable(name, 100)} is set twice.`);
  return { ...parameters, [name]: rest };
}

/** `ISSUER=OTHER`, beside those that were named before. */
export function addedIssuerPair(
  value: string,
  pairs: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, issuer = '', other = ''] = /^(.+?)=(.+)$/s.exec(value) ?? [];
  if (URL.canParse(issuer) && URL.canParse(other)) return { ...pairs, [issuer]: other };
  throw new InvalidArgumentError(
    'It must be ISSUER=OTHER: the issuer that was asked for, and the one that its metadata names.',
  );
}

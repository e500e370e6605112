import type { AuthProvider } from '../auth-provider.js';
import { redactor } from '../http/redact.js';

/** Text or JSON without the tokens of the session. */
export type Hide = <T>(value: T) => T;

/** Takes out of a server's answer what it echoes of the session: what a command prints goes into logs and pipes. */
export async function hiding({ tokens }: AuthProvider): Promise<Hide> {
  const current = await tokens.current().catch(() => undefined);
  // An answer is as long as the server wants it to be.
  const text = redactor([current?.accessToken, current?.refreshToken], Number.POSITIVE_INFINITY);
  const hide = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(hide);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [text(name), hide(member)]));
  };
  return (value) => hide(value) as typeof value;
}

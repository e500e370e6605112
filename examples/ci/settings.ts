/** Where the job's settings come from: `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment lacks something, or holds something that does not fit; the message says what to set. */
export class SettingError extends Error {}

/** Reads variables; one that is empty, as an unset secret of a pipeline is, counts as absent. */
export function settingsOf(environment: Environment): (name: string) => string | undefined {
  return (name) => environment[name]?.trim() || undefined;
}

export function required(environment: Environment, name: string): string {
  const value = settingsOf(environment)(name);
  if (value === undefined) throw new SettingError(`${name} is not set.`);
  return value;
}

/** MCP_ARGUMENTS as the arguments of a tool. */
export function argumentsFrom(text = '{}'): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below: the parser would quote the text.
  }
  throw new SettingError('MCP_ARGUMENTS has to be a JSON object, e.g. {"text":"hi"}.');
}

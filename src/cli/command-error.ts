/** A failure of the command itself, and not of the library: `code` names it, `remedy` says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: 'sdk_missing' | 'tool_failed' | 'invalid_token';
  readonly remedy: string | undefined;

  constructor(code: CommandError['code'], message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
  }
}

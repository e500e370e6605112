/** What a {@link CommandError} is built from. */
export interface CommandErrorInit {
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
  /** What the process ends with, where that is not 1. */
  readonly exitCode?: number | undefined;
}

/** A failure of the command itself, and not of the library: `code` names it, `remedy` says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: 'sdk_missing' | 'tool_failed' | 'mcp_failed' | 'invalid_token' | 'bound_token';
  readonly remedy: string | undefined;
  readonly exitCode: number | undefined;

  constructor(code: CommandError['code'], message: string, { remedy, cause, exitCode }: CommandErrorInit = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

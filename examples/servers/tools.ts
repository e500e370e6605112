import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export interface ToolContext {
  readonly caller:
    | { readonly clientId: string; readonly scopes: readonly string[]; readonly extra?: unknown }
    | undefined;
  /** Ends with the request and with the server. */
  readonly signal: AbortSignal;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodObject;
  run(args: Record<string, unknown>, context: ToolContext): string | Promise<string>;
}

export const TOOLS: readonly ToolDefinition[] = [
  {
    name: 'echo',
    description: 'Says the text again',
    input: z.object({ text: z.string() }),
    run: ({ text }) => String(text),
  },
  {
    name: 'whoami',
    description: 'Tells who calls, and with which scopes',
    input: z.object({}),
    run: (_, { caller }) => JSON.stringify({ ...caller, token: undefined }),
  },
  {
    name: 'create_issue',
    description: 'Creates an issue',
    input: z.object({ title: z.string() }),
    run: ({ title }) => `created: ${title}`,
  },
  {
    name: 'delete_repo',
    description: 'Deletes a repository',
    input: z.object({ name: z.string() }),
    run: ({ name }) => `deleted: ${name}`,
  },
  {
    name: 'slow',
    description: 'Answers after some milliseconds',
    input: z.object({ ms: z.number().int().min(0) }),
    async run({ ms }, { signal }) {
      await sleep(Number(ms), undefined, { signal });
      return `waited ${ms} ms`;
    },
  },
];

/** Tool to the scopes that a call needs, all of them. A tool that is not here is refused, not open. */
export type ToolScopes = Readonly<Record<string, readonly string[]>>;

export const DEFAULT_TOOL_SCOPES: ToolScopes = {
  echo: ['mcp:read'],
  whoami: [],
  slow: ['mcp:read'],
  create_issue: ['mcp:write'],
  delete_repo: ['mcp:admin'],
};

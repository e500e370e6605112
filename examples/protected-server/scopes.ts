/** The scopes of this server; `offline_access` is the authorization server's. */
export const SCOPES = ['mcp:read', 'mcp:write', 'mcp:admin', 'github:repos', 'github:issues'] as const;

/** What a client is asked to start with. */
export const FIRST_SCOPE = 'mcp:read';

/** Tool to the scopes of which one suffices. A tool that is not here is refused, not open. */
export const TOOL_SCOPES: Readonly<Record<string, readonly string[]>> = {
  search_repos: ['mcp:read', 'github:repos'],
  get_file_content: ['mcp:read', 'github:repos'],
  analyze_complexity: ['mcp:read'],
  create_pr_draft: ['mcp:write', 'github:repos'],
  create_issue: ['mcp:write', 'github:issues'],
  delete_repo: ['mcp:admin'],
};

/** Requests that are not calls of tools. What is in neither map is open to everyone with a good token: `initialize`, lists, pings. */
const METHOD_SCOPES: Readonly<Record<string, readonly string[]>> = {
  'resources/read': ['mcp:read'],
  'resources/subscribe': ['mcp:read'],
};

export type Verdict =
  | { readonly allowed: true }
  /** `scopes`: everything that the request needs, to be named in one challenge; `undefined`: no scope would help. */
  | { readonly allowed: false; readonly scopes: readonly string[] | undefined };

/**
 * Judges a JSON-RPC message, or a batch of them, by the scopes of the token.
 *
 * @param stepUp tool to the scopes that a call needs besides, all of them
 */
export function judge(
  body: unknown,
  held: readonly string[],
  stepUp: Readonly<Record<string, readonly string[]>>,
): Verdict {
  const needed = new Set<string>();
  for (const message of Array.isArray(body) ? (body as unknown[]) : [body]) {
    const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } };
    const tool = method === 'tools/call' ? String(params?.name) : undefined;
    const oneOf = tool === undefined ? entry(METHOD_SCOPES, String(method)) : entry(TOOL_SCOPES, tool);
    if (tool !== undefined && oneOf === undefined) return { allowed: false, scopes: undefined };
    const first = oneOf?.find((scope) => held.includes(scope)) ?? oneOf?.[0];
    if (first !== undefined) needed.add(first);
    for (const scope of (tool === undefined ? undefined : entry(stepUp, tool)) ?? []) needed.add(scope);
  }
  const scopes = [...needed];
  return scopes.every((scope) => held.includes(scope)) ? { allowed: true } : { allowed: false, scopes };
}

/** `constructor` is no tool. */
function entry<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

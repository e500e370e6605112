import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import type { GitHub, Repository } from './github.js';
import { currentUser } from './user-context.js';

/** The MCP server of one session: seven tools and a resource, each of which asks the context for whom it works. */
export function createTools(github: GitHub): McpServer {
  const server = new McpServer({ name: 'protected-server', version: '1.0.0' });
  const repositories = () => github.repositories(currentUser().githubToken);
  const repository = (name: string): Repository => {
    const found = repositories().get(name);
    if (found === undefined) throw new Error(`You have no repository ${name}.`);
    return found;
  };
  const answer = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) }] });
  const repo = z.string();
  const title = z.string();

  server.registerTool(
    'search_repos',
    { description: 'Lists your repositories whose name contains the query', inputSchema: { query: z.string() } },
    ({ query }) => answer([...repositories().keys()].filter((name) => name.includes(query))),
  );
  server.registerTool(
    'get_file_content',
    { description: 'Reads a file', inputSchema: { repo, path: z.string() } },
    ({ repo, path }) => answer(repository(repo).files[path] ?? null),
  );
  server.registerTool(
    'analyze_complexity',
    { description: 'Counts the branches in some code', inputSchema: { code: z.string() } },
    ({ code }) => answer({ branches: code.match(/\b(if|for|while|case|catch)\b|&&|\|\||\?/g)?.length ?? 0 }),
  );
  server.registerTool(
    'create_pr_draft',
    { description: 'Opens a draft of a pull request', inputSchema: { repo, title } },
    ({ repo, title }) => answer({ number: repository(repo).pullRequests.push(title) }),
  );
  server.registerTool(
    'create_issue',
    { description: 'Opens an issue', inputSchema: { repo, title } },
    ({ repo, title }) => answer({ number: repository(repo).issues.push(title) }),
  );
  server.registerTool('delete_repo', { description: 'Deletes a repository', inputSchema: { repo } }, ({ repo }) =>
    answer({ deleted: repositories().delete(repo) }),
  );
  // Somebody added it and forgot scopes.ts: the guard refuses it.
  server.registerTool('forgotten_tool', { description: 'Is in no map' }, () => answer('reached'));

  server.registerResource('me', 'github://me', { description: 'Who you are here' }, (uri) => {
    const { userId, email, scopes } = currentUser();
    return { contents: [{ uri: uri.href, text: JSON.stringify({ userId, email, scopes }) }] };
  });
  return server;
}

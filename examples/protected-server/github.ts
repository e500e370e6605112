import { createHash, randomBytes } from 'node:crypto';

export interface Repository {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly issues: string[];
  readonly pullRequests: string[];
}

/** Stands for the service behind the MCP server. It knows its own tokens and nothing of MCP's. */
export interface GitHub {
  /** The credential of this user, as the server would have obtained it by an authorization of its own. */
  tokenFor(userId: string): string;
  /** The repositories of whoever `token` belongs to. */
  repositories(token: string): Map<string, Repository>;
  /** Every token that was presented, for those who want to see that no MCP token is among them. */
  readonly presented: ReadonlySet<string>;
}

export function createGitHub(): GitHub {
  const secret = randomBytes(32);
  const accounts = new Map<string, Map<string, Repository>>();
  const presented = new Set<string>();
  return {
    presented,
    tokenFor(userId) {
      const token = `gh_${createHash('sha256').update(secret).update(userId).digest('base64url')}`;
      if (!accounts.has(token)) accounts.set(token, firstRepositories());
      return token;
    },
    repositories(token) {
      presented.add(token);
      const account = accounts.get(token);
      if (account === undefined) throw new Error('GitHub: 401 Bad credentials');
      return account;
    },
  };
}

function firstRepositories(): Map<string, Repository> {
  const names = ['hello-world', 'notes'];
  return new Map(
    names.map((name) => [name, { name, files: { 'README.md': `# ${name}` }, issues: [], pullRequests: [] }]),
  );
}

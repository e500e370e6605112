/**
 * Known vulnerabilities in what is installed: any in what users install fails, and high ones in what only developers install.
 * A registry without advisories (a mirror) cannot be asked; that is said and is no failure: it proves nothing either way.
 */
import { execFileSync } from 'node:child_process';

/** npm's report, whatever it exits with: it exits with 1 where it found something. */
function audit(...flags) {
  try {
    return JSON.parse(execFileSync('npm', ['audit', '--json', ...flags], { stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch (error) {
    return JSON.parse(error.stdout);
  }
}

const [shipped, all] = [audit('--omit=dev'), audit()];
if (shipped.metadata === undefined || all.metadata === undefined) {
  const { statusCode, code } = { ...shipped, ...shipped.error };
  process.stdout.write(`NOT CHECKED: the registry serves no advisories (${statusCode ?? code ?? 'no report'}).\n`);
} else {
  const { total } = shipped.metadata.vulnerabilities;
  const { high, critical } = all.metadata.vulnerabilities;
  process.stdout.write(
    `${total} known vulnerabilities in what users install; ${high + critical} high ones in everything.\n`,
  );
  if (total + high + critical > 0) process.exitCode = 1;
}

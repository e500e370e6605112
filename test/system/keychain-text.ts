import { createHash } from 'node:crypto';

/** A text that differs everywhere from those with another number; every fourth is short, the others need several parts. */
export function numberedText(n: number, length = [100, 3_000, 9_000, 5_000][n % 4] ?? 0): string {
  let all = `${n} `;
  for (let block = 0; all.length < length; block++) all += createHash('sha256').update(`${n} ${block}`).digest('hex');
  return all.slice(0, Math.max(length, 1));
}

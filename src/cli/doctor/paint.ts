import type { Style } from '../style.js';
import type { Verdict } from './report.js';

/** A sign for the eye and a word, so that nothing depends on colour. */
export const SIGNS: Readonly<Record<Verdict, { readonly sign: string; readonly style: Style }>> = {
  ok: { sign: '✓', style: 'green' },
  note: { sign: '·', style: 'cyan' },
  warning: { sign: '!', style: 'yellow' },
  problem: { sign: '✗', style: 'red' },
  skipped: { sign: '-', style: 'dim' },
};

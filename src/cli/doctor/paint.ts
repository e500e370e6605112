import { styleText } from 'node:util';
import type { Verdict } from './report.js';

type Style = Parameters<typeof styleText>[0];

/** Colours a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

export function painter(color: boolean): Paint {
  return (style, text) => (color && text !== '' ? styleText(style, text, { validateStream: false }) : text);
}

/** A sign for the eye and a word, so that nothing depends on colour. */
export const SIGNS: Readonly<Record<Verdict, { readonly sign: string; readonly style: Style }>> = {
  ok: { sign: '✓', style: 'green' },
  note: { sign: '·', style: 'cyan' },
  warning: { sign: '!', style: 'yellow' },
  problem: { sign: '✗', style: 'red' },
  skipped: { sign: '-', style: 'dim' },
};

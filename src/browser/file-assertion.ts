import type { readAssertionFile as read } from '../grants/file-assertion.js';
import { notInBrowser } from './not-here.js';

/** Stands in for `grants/file-assertion.ts`. */
export const readAssertionFile: typeof read = async () => {
  throw notInBrowser('`assertion.file`', 'Give `assertion` as a function.');
};

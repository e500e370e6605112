import { openInBrowser, type Surroundings } from '../loopback/index.js';
import type { ResolvedOptions } from '../options.js';

/**
 * Opens the URL by the application's function, else in this machine's browser, where that can be seen. Whether it opened;
 * never fatal: the URL has been offered, and the person may open it elsewhere.
 */
export async function openForPerson(
  { openBrowser }: Pick<ResolvedOptions, 'openBrowser'>,
  { canShowBrowser }: Surroundings,
  url: string,
): Promise<boolean> {
  try {
    if (openBrowser !== undefined) return (await openBrowser(url)) !== false;
    return canShowBrowser && (await openInBrowser(url));
  } catch {
    return false;
  }
}

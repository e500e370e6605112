import type { App } from 'electron';

/** A domain of yours, backwards: RFC 8252 section 7.1. */
const SCHEME = 'com.example.acme';
export const REDIRECT_URL = `${SCHEME}:/oauth/callback`;

/**
 * Receives the URLs of the scheme. `false` in a second instance, which hands them to the first and ends.
 * To be called before the application is ready: macOS may bring a URL first of all.
 */
export function receiveCallbacks(app: App, argv: readonly string[], onCallback: (url: string) => void): boolean {
  // Any page and any program can open a URL of the scheme.
  const take = (url: string | undefined) => {
    if (url?.startsWith(`${REDIRECT_URL}?`)) onCallback(url);
  };
  const find = (given: readonly string[]) => given.find((argument) => argument.startsWith(`${SCHEME}:`));
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return false;
  }
  app.setAsDefaultProtocolClient(SCHEME);
  // macOS
  app.on('open-url', (event, url) => {
    event.preventDefault();
    take(url);
  });
  // Windows and Linux
  app.on('second-instance', (_event, given) => take(find(given)));
  take(find(argv));
  return true;
}

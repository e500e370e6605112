import type { App, IpcMain, MessageBoxOptions, SafeStorage } from 'electron';
import { type AuthProvider, createAuthProvider, findMcpOAuthError } from 'mcp-oauth-client';
import { REDIRECT_URL, receiveCallbacks } from './callbacks.js';
import { askForScope } from './step-up.js';
import { openStore } from './store.js';
import { callTool } from './tool-call.js';

/** The part of Electron that the main process uses. */
export interface Electron {
  readonly app: App;
  readonly dialog: { showMessageBox(options: MessageBoxOptions): Promise<{ readonly response: number }> };
  readonly ipcMain: IpcMain;
  readonly safeStorage: SafeStorage;
  readonly shell: { openExternal(url: string): Promise<void> };
}

export interface AppSettings {
  readonly serverUrl: string;
  readonly argv: readonly string[];
  readonly platform: NodeJS.Platform;
  /** The page of the windows; no other may ask anything. */
  readonly pageUrl: string;
  openWindow(): unknown;
  tellWindows(channel: 'status', value: object): void;
}

/** What a window gets: a value, or the error as `toJSON()` gives it. Never a token. */
export type Answer = { readonly value: unknown } | { readonly error: unknown };

/** Everything that the main process does. Several windows share the one provider. */
export async function startApp(electron: Electron, settings: AppSettings): Promise<void> {
  const { app, dialog, ipcMain, safeStorage, shell } = electron;
  const opened: { provider?: AuthProvider } = {};
  // A URL that started the application comes before the provider is there.
  const early: string[] = [];
  const finish = (url: string) => {
    // What fails is told to whoever waits for the sign-in; a URL of somebody else's is nobody's business.
    if (opened.provider === undefined) early.push(url);
    else opened.provider.finishAuthorization(url).catch(() => undefined);
  };
  if (!receiveCallbacks(app, settings.argv, finish)) return;
  await app.whenReady();

  let leaving = false;
  let signingIn: AbortController | undefined;
  const provider = createAuthProvider({
    serverUrl: settings.serverUrl,
    clientMetadata: { client_name: 'Acme Desktop' },
    store: openStore(safeStorage, app.getPath('userData'), settings.platform),
    redirectUrl: REDIRECT_URL,
    openBrowser: (url) => shell.openExternal(url),
    // A request in the background opens no tab; a button and an agreed step-up do.
    interactive: ({ reason }) => reason !== 'unauthorized',
    onStepUp: (request) => askForScope(dialog, request),
    onEvent({ type }) {
      // What ends with the application is told to nobody.
      if (!leaving)
        void answer(() => provider.session()).then((now) => settings.tellWindows('status', { type, ...now }));
    },
  });

  const handle = (channel: string, work: (...given: unknown[]) => unknown) =>
    ipcMain.handle(channel, (event, ...given) => {
      if (event.senderFrame?.url !== settings.pageUrl) throw new Error('Only the pages of this application may ask.');
      return answer(() => work(...given));
    });
  handle('session', () => provider.session());
  handle('sign-in', async () => {
    // Windows that ask at once wait for the same sign-in, and any of them cancels it.
    signingIn ??= new AbortController();
    const cancel = signingIn;
    try {
      return await provider.authorize({ signal: cancel.signal });
    } finally {
      if (signingIn === cancel) signingIn = undefined;
    }
  });
  handle('cancel-sign-in', () => signingIn?.abort());
  handle('sign-out', async () => {
    const { revoked } = await provider.signOut();
    return { revoked };
  });
  handle('call-tool', (name, input) =>
    callTool(settings.serverUrl, provider, String(name), input as Record<string, unknown>),
  );
  handle('open-window', () => void settings.openWindow());

  app.on('before-quit', (event) => {
    if (leaving) return;
    leaving = true;
    // Ends a sign-in that is under way, so that another program over this store may begin its own at once.
    event.preventDefault();
    void provider.close().finally(() => app.quit());
  });
  app.on('window-all-closed', () => app.quit());
  opened.provider = provider;
  for (const url of early) finish(url);
  settings.openWindow();
}

/** Through IPC an error would lose its code, and a cause could tell more than it should. */
async function answer(work: () => unknown): Promise<Answer> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: findMcpOAuthError(error)?.toJSON() ?? { message: (error as Error).message } };
  }
}

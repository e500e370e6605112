import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  type AuthProvider,
  createAuthProvider,
  isMcpOAuthError,
  SecretStorageTokenStore,
  withOAuth,
} from 'mcp-oauth-client';
import { callbackUrl } from './callback.js';
import type { Context, Editor } from './editor.js';
import { Status } from './status.js';
import { askForScope } from './step-up.js';

export interface ExtensionSettings {
  readonly serverUrl: string;
  readonly account?: string;
}

/** Longer than the 60 s of the SDK: a person may think about a step-up. */
const PATIENCE_MS = 300_000;
const CALLBACK_PATH = '/callback';
const NEEDS_SIGN_IN: readonly string[] = ['interaction_required', 'signed_out'];

/** Everything that the extension does, on any editor with this API. What it opens ends with `context.subscriptions`. */
export async function createExtension(editor: Editor, context: Context, settings: ExtensionSettings): Promise<void> {
  const { Uri, commands, env, window } = editor;
  // In a remote window or a browser it is another than the one asked for; on the desktop it names the window.
  const redirect = await env.asExternalUri(Uri.parse(`${env.uriScheme}://acme.acme-mcp${CALLBACK_PATH}`));
  const item = window.createStatusBarItem('acmeMcp.status');
  // It shows already, also where what follows fails.
  context.subscriptions.push(item);
  const status = new Status(item);
  const provider: AuthProvider = createAuthProvider({
    ...settings,
    clientMetadata: { client_name: 'Acme for VS Code' },
    store: new SecretStorageTokenStore({ secrets: context.secrets, directory: context.globalStorageUri.fsPath }),
    redirectUrl: redirect.toString(true),
    // As a string: a Uri is decoded and encoded again on its way to the browser, which breaks `redirect_uri`.
    openBrowser: (url) => env.openExternal(url),
    // A request in the background opens no tab; a command and an agreed step-up do.
    interactive: ({ reason }) => reason !== 'unauthorized',
    onStepUp: (request) => askForScope(editor, request),
    onEvent(event) {
      status.see(event);
      void status.refresh(provider);
    },
  });
  const refresh = () => status.refresh(provider);
  /** Cancels the sign-in that a click began, and a second click waits for. */
  let signingIn: AbortController | undefined;

  async function signIn(): Promise<boolean> {
    signingIn ??= new AbortController();
    const cancel = signingIn;
    try {
      await provider.authorize({ signal: cancel.signal });
      return true;
    } catch (error) {
      showError(error);
      return false;
    } finally {
      if (signingIn === cancel) signingIn = undefined;
      await refresh();
    }
  }

  async function signOut(): Promise<void> {
    try {
      const { error } = await provider.signOut();
      if (error !== undefined) showError(error);
    } catch (error) {
      showError(error);
    }
  }

  /** From the command palette it asks for what it calls. */
  async function callTool(givenName?: string, givenInput?: Record<string, unknown>): Promise<string | undefined> {
    const name = givenName ?? (await window.showInputBox({ prompt: 'Tool' }));
    if (name === undefined || name === '') return undefined;
    try {
      const input = givenInput ?? parseInput(await window.showInputBox({ prompt: 'Its input, as JSON', value: '{}' }));
      const answer = input && (await call(name, input));
      if (answer !== undefined) void window.showInformationMessage(answer, {});
      return answer;
    } catch (error) {
      showError(error);
      return undefined;
    }
  }

  async function call(name: string, input: Record<string, unknown>): Promise<string | undefined> {
    try {
      return await callOnce(settings.serverUrl, provider, name, input);
    } catch (error) {
      if (!isMcpOAuthError(error) || !NEEDS_SIGN_IN.includes(error.code)) throw error;
    }
    const pressed = await window.showErrorMessage('You are not signed in to the Acme MCP server.', 'Sign in');
    const signedIn = pressed === 'Sign in' && (await signIn());
    return signedIn ? callOnce(settings.serverUrl, provider, name, input) : undefined;
  }

  async function handleUri(uri: Parameters<typeof callbackUrl>[0]): Promise<void> {
    // Any web page can open a URI of this extension.
    if (uri.path !== CALLBACK_PATH) return;
    try {
      await provider.finishAuthorization(callbackUrl(uri));
    } catch (error) {
      showError(error);
    }
  }

  function showError(error: unknown): void {
    // What the user ended needs no words.
    if (isMcpOAuthError(error) && (error.code === 'aborted' || error.code === 'closed')) return;
    // Not awaited: it settles when the user has put it away.
    void window.showErrorMessage((error as Error).message);
  }

  context.subscriptions.push(
    { dispose: () => provider.close() },
    window.registerUriHandler({ handleUri }),
    // A session may have expired meanwhile, which is no event.
    window.onDidChangeWindowState(refresh),
    commands.registerCommand('acmeMcp.signIn', signIn),
    commands.registerCommand('acmeMcp.cancelSignIn', () => signingIn?.abort()),
    commands.registerCommand('acmeMcp.signOut', signOut),
    commands.registerCommand('acmeMcp.callTool', callTool),
  );
  await refresh();
}

async function callOnce(
  serverUrl: string,
  authProvider: AuthProvider,
  name: string,
  input: Record<string, unknown>,
): Promise<string> {
  const client = new Client({ name: 'acme-vscode', version: '1.0.0' });
  const options = { timeout: PATIENCE_MS };
  try {
    await client.connect(withOAuth(StreamableHTTPClientTransport, serverUrl, { authProvider }), options);
    const { content } = await client.callTool({ name, arguments: input }, undefined, options);
    return (content as { text?: string }[]).map(({ text }) => text ?? '').join('\n');
  } finally {
    await client.close();
  }
}

function parseInput(text: string | undefined): Record<string, unknown> | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
}

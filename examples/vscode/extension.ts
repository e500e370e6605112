/** A VS Code extension for a protected MCP server; README.md beside this file says how to build and start it. */
import { hostname } from 'node:os';
// biome-ignore lint/correctness/noUndeclaredDependencies: the editor brings this module along
import * as vscode from 'vscode';
import { createExtension } from './extension-logic.js';

const SETTING = 'acmeMcp.serverUrl';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const { secrets, globalStorageUri } = context;
  /** What is there for the server of the setting. */
  const subscriptions: vscode.Disposable[] = [];
  let ended = false;
  let turn: Promise<void> = Promise.resolve();

  const close = () => Promise.all(subscriptions.splice(0).map((part) => part.dispose()));

  async function open(): Promise<void> {
    try {
      await close();
      if (ended) return;
      const serverUrl = vscode.workspace.getConfiguration().get(SETTING, '');
      if (serverUrl === '') {
        void vscode.window.showInformationMessage(`Set ${SETTING} to use the Acme MCP server.`);
        return;
      }
      // The secrets of a remote window are shared with other machines, its locks are not: a session of its own.
      const account = vscode.env.remoteName === undefined ? {} : { account: hostname() };
      await createExtension(vscode, { subscriptions, secrets, globalStorageUri }, { serverUrl, ...account });
    } catch (error) {
      await close();
      void vscode.window.showErrorMessage((error as Error).message);
    }
  }
  /** One after the other: the editor registers a command once only. */
  const reopen = () => {
    turn = turn.then(open);
    return turn;
  };

  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(SETTING) && reopen()),
    {
      dispose() {
        ended = true;
        return reopen();
      },
    },
  );
  await reopen();
}

/** A VS Code extension for a protected MCP server; README.md beside this file says how to build and start it. */
import { hostname } from 'node:os';
// biome-ignore lint/correctness/noUndeclaredDependencies: the editor brings this module along
import * as vscode from 'vscode';
import { createExtension } from './extension-logic.js';

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const serverUrl = vscode.workspace.getConfiguration('acmeMcp').get('serverUrl', '');
  if (serverUrl === '') {
    void vscode.window.showInformationMessage('Set acmeMcp.serverUrl to use the Acme MCP server.');
    return;
  }
  // The secrets of a remote window are shared with other machines, its locks are not: a session of its own.
  const account = vscode.env.remoteName === undefined ? {} : { account: hostname() };
  await createExtension(vscode, context, { serverUrl, ...account });
}

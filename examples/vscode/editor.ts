import type { SecretStorageLike } from 'mcp-oauth-client';

export interface Disposable {
  dispose(): unknown;
}

/** A URI of the editor: its parts are decoded. */
export interface EditorUri {
  readonly path: string;
  readonly query: string;
  toString(skipEncoding?: boolean): string;
}

export interface StatusItem extends Disposable {
  text: string;
  tooltip: unknown;
  command: unknown;
  show(): void;
}

/** The part of the module `vscode` that this extension uses. */
export interface Editor {
  readonly Uri: { parse(text: string): EditorUri };
  readonly env: {
    readonly uriScheme: string;
    asExternalUri(uri: EditorUri): PromiseLike<EditorUri>;
    /** Declared for a `Uri` only; a string is opened as it is. */
    openExternal(target: EditorUri | string): PromiseLike<boolean>;
  };
  readonly window: {
    createStatusBarItem(id: string): StatusItem;
    registerUriHandler(handler: { handleUri(uri: EditorUri): Promise<void> }): Disposable;
    onDidChangeWindowState(listener: () => unknown): Disposable;
    showInformationMessage(
      message: string,
      options: { modal?: boolean; detail?: string },
      ...buttons: string[]
    ): PromiseLike<string | undefined>;
    showErrorMessage(message: string, ...buttons: string[]): PromiseLike<string | undefined>;
    showInputBox(options: { prompt: string; value?: string }): PromiseLike<string | undefined>;
  };
  readonly commands: {
    registerCommand(id: string, run: (...given: never[]) => unknown): Disposable;
  };
}

/** The part of the extension's context that is used. */
export interface Context {
  readonly subscriptions: Disposable[];
  readonly secrets: SecretStorageLike;
  readonly globalStorageUri: { readonly fsPath: string };
}

/** The members of Electron that this example uses; in an application `npm install electron` brings all of them along. */
declare module 'electron' {
  interface CancelableEvent {
    preventDefault(): void;
  }

  export interface IpcMainInvokeEvent {
    readonly senderFrame: { readonly url: string } | null;
  }

  export interface MessageBoxOptions {
    readonly type?: 'question';
    readonly message: string;
    readonly detail?: string;
    readonly buttons?: string[];
    readonly defaultId?: number;
    readonly cancelId?: number;
    /** Closes the dialog as `cancelId` does. */
    readonly signal?: AbortSignal;
  }

  export interface App {
    requestSingleInstanceLock(): boolean;
    setAsDefaultProtocolClient(scheme: string): boolean;
    getPath(name: 'userData'): string;
    whenReady(): Promise<void>;
    quit(): void;
    /** Ends at once, and asks nobody. */
    exit(code: number): void;
    on(event: 'open-url', listener: (event: CancelableEvent, url: string) => void): this;
    on(event: 'second-instance', listener: (event: unknown, argv: string[]) => void): this;
    on(event: 'before-quit', listener: (event: CancelableEvent) => void): this;
    on(event: 'window-all-closed', listener: () => void): this;
  }

  export interface IpcMain {
    handle(channel: string, listener: (event: IpcMainInvokeEvent, ...given: unknown[]) => unknown): void;
  }

  export interface SafeStorage {
    isEncryptionAvailable(): boolean;
    /** Linux only. */
    getSelectedStorageBackend(): string;
    encryptString(text: string): Buffer;
    decryptString(data: Buffer): string;
  }

  export class BrowserWindow {
    static getAllWindows(): BrowserWindow[];
    constructor(options: { webPreferences: { preload: string } });
    readonly webContents: { send(channel: string, ...values: unknown[]): void };
    loadFile(path: string): Promise<void>;
  }

  export const app: App;
  export const dialog: { showMessageBox(options: MessageBoxOptions): Promise<{ readonly response: number }> };
  export const ipcMain: IpcMain;
  export const safeStorage: SafeStorage;
  export const shell: { openExternal(url: string): Promise<void> };
  /** In the preload script. */
  export const contextBridge: { exposeInMainWorld(name: string, api: unknown): void };
  /** In the preload script. */
  export const ipcRenderer: {
    invoke(channel: string, ...given: unknown[]): Promise<unknown>;
    on(channel: string, listener: (event: unknown, ...values: unknown[]) => void): void;
  };
}

import { contextBridge, ipcRenderer } from 'electron';

contextBridge.exposeInMainWorld('acme', {
  session: () => ipcRenderer.invoke('session'),
  signIn: () => ipcRenderer.invoke('sign-in'),
  cancelSignIn: () => ipcRenderer.invoke('cancel-sign-in'),
  signOut: () => ipcRenderer.invoke('sign-out'),
  callTool: (name: string, input: object) => ipcRenderer.invoke('call-tool', name, input),
  openWindow: () => ipcRenderer.invoke('open-window'),
  onStatus: (show: (status: unknown) => void) => ipcRenderer.on('status', (_event, status) => show(status)),
});

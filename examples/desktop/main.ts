/** The main process of an Electron application for a protected MCP server; README.md beside this file says how to start it. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { app, BrowserWindow, dialog, ipcMain, safeStorage, shell } from 'electron';
import { startApp } from './app.js';

const preload = fileURLToPath(new URL('preload.cjs', import.meta.url));
const page = fileURLToPath(new URL('../window.html', import.meta.url));

// Not awaited: Electron is ready only after this module has been evaluated (electron#40719).
startApp(
  { app, dialog, ipcMain, safeStorage, shell },
  {
    serverUrl: process.env['MCP_SERVER_URL'] ?? 'https://mcp.example.com/mcp',
    argv: process.argv,
    platform: process.platform,
    pageUrl: pathToFileURL(page).href,
    openWindow: () => new BrowserWindow({ webPreferences: { preload } }).loadFile(page),
    tellWindows(channel, value) {
      for (const window of BrowserWindow.getAllWindows()) window.webContents.send(channel, value);
    },
  },
).catch((error: unknown) => {
  console.error(error);
  app.exit(1);
});

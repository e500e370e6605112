import type { StepUpAnswer, StepUpRequest } from 'mcp-oauth-client';
import type { Editor } from './editor.js';

/** Asks in a modal dialog, which shows plain text; its own "Cancel" means "not now". */
export async function askForScope(
  { window }: Editor,
  { serverUrl, required, granted, tool, method }: StepUpRequest,
): Promise<StepUpAnswer> {
  const missing = required.filter((scope) => !granted.includes(scope));
  const title = `${new URL(serverUrl).host} asks for more, for ${tool ?? method ?? 'a request'}`;
  const detail = `Needed: ${missing.join(', ')}\nAllowed so far: ${granted.join(', ') || 'nothing'}`;
  const pressed = await window.showInformationMessage(title, { modal: true, detail }, 'Allow', 'Never');
  if (pressed === 'Allow') return true;
  return pressed === 'Never' ? false : 'not-now';
}

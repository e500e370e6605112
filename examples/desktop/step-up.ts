import type { MessageBoxOptions } from 'electron';
import type { StepUpAnswer, StepUpRequest } from 'mcp-oauth-client';

const BUTTONS = ['Allow', 'Not now', 'Never'] as const;
const ANSWERS: readonly StepUpAnswer[] = [true, 'not-now', false];

/** Asks in a dialog of the main process, which no window can answer for the user. */
export async function askForScope(
  dialog: { showMessageBox(options: MessageBoxOptions): Promise<{ readonly response: number }> },
  { serverUrl, required, granted, tool, method, signal }: StepUpRequest,
): Promise<StepUpAnswer> {
  const missing = required.filter((scope) => !granted.includes(scope));
  const { response } = await dialog.showMessageBox({
    type: 'question',
    message: `${new URL(serverUrl).host} asks for more, for ${tool ?? method ?? 'a request'}`,
    detail: `Needed: ${missing.join(', ')}\nAllowed so far: ${granted.join(', ') || 'nothing'}`,
    buttons: [...BUTTONS],
    // Enter and Escape give nothing away.
    defaultId: 1,
    cancelId: 1,
    signal,
  });
  return ANSWERS[response] ?? 'not-now';
}

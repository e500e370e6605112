import type { KoaContext } from 'oidc-provider';
import { escapeHtml } from './html-form.js';
import { PAGE_HEADERS, pageHtml } from './interactions.js';

/** The pages of oidc-provider's device flow: enter the code, confirm it, done. */
export const DEVICE_PAGES = {
  userCodeInputSource(context: KoaContext, form: string, _out?: unknown, error?: Error) {
    const problem = error === undefined ? '' : '<p><strong>This code cannot be used. Try again.</strong></p>';
    show(
      context,
      'Connect a device',
      `${problem}<p>Enter the code that the device shows.</p>${form}<p>${button('op.deviceInputForm', 'Continue')}</p>`,
    );
  },
  userCodeConfirmSource(
    context: KoaContext,
    form: string,
    client: { clientId: string; clientName?: string },
    _device: unknown,
    userCode: string,
  ) {
    const name = escapeHtml(client.clientName ?? client.clientId);
    show(
      context,
      `Connect ${name}?`,
      `<p>The device has to show this code:</p><p><code>${escapeHtml(userCode)}</code></p>${form}
      <p>${button('op.deviceConfirmForm', 'It does')} ${button('op.deviceConfirmForm', 'Deny', 'abort')}</p>`,
    );
  },
  successSource(context: KoaContext) {
    show(context, 'Connected', '<p>The device is signed in. You can close this page.</p>');
  },
};

function button(form: string, label: string, name?: string): string {
  return `<button type="submit" form="${form}" value="${name ?? 'allow'}"${name === undefined ? '' : ` name="${name}"`}>${label}</button>`;
}

function show(context: KoaContext, title: string, content: string): void {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) context.response.set(name, value);
  context.body = pageHtml(title, content);
}

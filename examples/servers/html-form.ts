export interface Field {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

export interface Button {
  readonly name: string;
  readonly value: string;
  readonly label: string;
}

export interface HtmlForm {
  readonly action: string;
  readonly method: 'GET' | 'POST';
  readonly fields: readonly Field[];
  readonly buttons: readonly Button[];
}

/** The first form of a page, read as far as a login or consent page needs; `undefined` where there is none. */
export function readForm(html: string): HtmlForm | undefined {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (form === null) return undefined;
  const head = attributes(form[1] ?? '');
  const body = form[2] ?? '';
  const inputs = [...body.matchAll(/<input\b([^>]*)>/gi)].map((match) => attributes(match[1] ?? ''));
  const submits = inputs.filter((input) => input.get('type') === 'submit');
  return {
    action: head.get('action') ?? '',
    method: head.get('method')?.toUpperCase() === 'POST' ? 'POST' : 'GET',
    fields: inputs
      .filter((input) => input.has('name') && !['submit', 'button', 'reset'].includes(input.get('type') ?? ''))
      .map((input) => ({
        name: input.get('name') ?? '',
        type: input.get('type') ?? 'text',
        value: input.get('value') ?? '',
      })),
    buttons: [
      ...submits.map((input) => button(input, input.get('value') ?? '')),
      ...[...body.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map((match) =>
        button(attributes(match[1] ?? ''), textOf(match[2] ?? '')),
      ),
    ],
  };
}

/** The `href` of the first link whose text matches. */
export function findLink(html: string, text: RegExp): string | undefined {
  for (const match of html.matchAll(/<a\b([^>]*)>([\s\S]*?)<\/a>/gi)) {
    const href = attributes(match[1] ?? '').get('href');
    if (href !== undefined && text.test(textOf(match[2] ?? ''))) return href;
  }
  return undefined;
}

export function escapeHtml(value: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return value.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function button(attribute: ReadonlyMap<string, string>, label: string): Button {
  return { name: attribute.get('name') ?? '', value: attribute.get('value') ?? '', label };
}

function attributes(source: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const match of source.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    found.set((match[1] ?? '').toLowerCase(), unescapeHtml(match[2] ?? match[3] ?? match[4] ?? ''));
  }
  return found;
}

function textOf(html: string): string {
  return unescapeHtml(html.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim();
}

function unescapeHtml(value: string): string {
  return value
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;|&#x27;/g, "'")
    .replace(/&amp;/g, '&');
}

import type { Tool } from './mcp-sdk.js';
import { printable, printableLines, safeJson } from './printable.js';
import type { Paint } from './style.js';

const LONGEST_DESCRIPTION = 400;

/** A tool in lines: its name and arguments, and beneath them its description. All of it is the server's text. */
export function toolText(tool: Tool, paint: Paint): string {
  const description =
    typeof tool['description'] === 'string' ? printable(tool['description'], LONGEST_DESCRIPTION) : '';
  const head = `${paint('bold', printable(String(tool['name']), 200))}${paint('dim', argumentsText(tool['inputSchema']))}`;
  return description === '' ? head : `${head}\n  ${description}`;
}

/** e.g. ` title, body?`: optional ones carry a question mark. */
function argumentsText(schema: unknown): string {
  const { properties, required } = (schema ?? {}) as { properties?: unknown; required?: unknown };
  if (typeof properties !== 'object' || properties === null) return '';
  const needed = new Set(Array.isArray(required) ? required : []);
  const names = Object.keys(properties).map((name) => `${printable(name, 100)}${needed.has(name) ? '' : '?'}`);
  return names.length === 0 ? '' : `  ${names.join(', ')}`;
}

/** What a tool answered, for people: texts as they are, everything else in a few words. */
export function resultText(result: Readonly<Record<string, unknown>>): string {
  const content = Array.isArray(result['content']) ? (result['content'] as unknown[]) : [];
  if (content.length === 0 && result['structuredContent'] !== undefined)
    return safeJson(result['structuredContent'], 2);
  return content.map(partText).join('\n');
}

function partText(part: unknown): string {
  const { type, text, mimeType, data, uri, resource } = (part ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof text === 'string') return printableLines(text);
  if (typeof resource === 'object' && resource !== null) return partText({ type, ...resource });
  const facts = [
    String(type ?? 'unknown'),
    ...(typeof mimeType === 'string' ? [mimeType] : []),
    ...(typeof uri === 'string' ? [uri] : []),
    ...(typeof data === 'string' ? [`${Math.floor((data.length * 3) / 4)} bytes; --json shows them`] : []),
  ];
  return `[${printable(facts.join(', '), 500)}]`;
}

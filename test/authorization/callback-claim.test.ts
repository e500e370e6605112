import { describe, expect, it } from 'vitest';
import { parseCallback } from '../../src/authorization/callback-claim.js';

const CALLBACK = 'http://127.0.0.1:4711/callback?code=a%2Bb&state=sss&iss=https%3A%2F%2Fas.example.com';

describe('F18: parseCallback', () => {
  it.each([
    ['a URL', CALLBACK],
    ['blanks and line breaks around it', `\n  ${CALLBACK}\t\r\n`],
    ['double quotes', `"${CALLBACK}"`],
    ['single quotes and blanks', ` ' ${CALLBACK} ' `],
    ['angle brackets', `<${CALLBACK}>`],
    ['a terminal`s line breaks within it', `${CALLBACK.slice(0, 30)}\n    ${CALLBACK.slice(30)}`],
    ['a browser that hides the scheme', CALLBACK.slice('http://'.length)],
    ['the name of this machine without a scheme', CALLBACK.replace('http://127.0.0.1', 'localhost')],
    ['its query', CALLBACK.slice(CALLBACK.indexOf('?'))],
    ['its parameters', CALLBACK.slice(CALLBACK.indexOf('?') + 1)],
  ])('takes %s', (_, pasted) => {
    expect(Object.fromEntries(parseCallback(pasted).searchParams)).toEqual({
      code: 'a+b',
      state: 'sss',
      iss: 'https://as.example.com',
    });
  });

  it('takes a URL object', () => {
    expect(parseCallback(new URL(CALLBACK)).href).toBe(CALLBACK);
  });

  it.each(['', '   ', '""', 'not a URL', 'code', '4711', 'code=x', undefined, null, 7])('refuses %j', (pasted) => {
    expect(() => parseCallback(pasted as string)).toThrowError(
      expect.objectContaining({ code: 'invalid_callback', stage: 'callback' }),
    );
  });
});

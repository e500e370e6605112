import { afterEach, describe, expect, it } from 'vitest';
import { validateCallback } from '../../src/grants/index.js';
import { excerpt, pageExcerpt } from '../../src/http/text.js';
import { describeAnswer, readErrorAnswer } from '../../src/oauth-error.js';
import { callTool, closers, rpc, scene } from '../auth-provider/support.js';
import { deviceLogin } from '../cli/device-login.js';
import { FLOWS } from '../secrets/flows.js';
import { life } from '../secrets/life.js';
import { everythingOf } from '../secrets/marks.js';
import { failure } from '../support/failure.js';

const { closing, closeAll } = closers();
afterEach(closeAll);

/** What a stranger may send to whoever reads it, each with what makes it dangerous. */
const HOSTILE = {
  'a terminal escape': '\u001b[2J\u001b[31mred',
  'a link of OSC 8': '\u001b]8;;https://evil.example.org\u0007click\u001b]8;;\u0007',
  'the title of a window': '\u001b]0;owned\u0007',
  'an escape of C1': '\u009b31mred \u0085 \u009d0;owned\u009c',
  'a line that fakes a log': 'ok\r\n[info] signed in as root\n',
  'lines that only Unicode knows': 'one\u2028two\u2029three',
  'an override of the direction': 'safe\u202Egnp.exe\u2066x\u2069',
  'letters of no width': 'pay\u200Bpal\u2060\uFEFF\u00AD\u034F\u3164',
  'tags that nobody sees': `A\u{E0041}\u{E0042}`,
  'half a character': 'a\uD800b\uDC00c',
  'a null byte': 'a\u0000b',
} as const;

const UNFIT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\ufe0f|\u200c|\u200d)[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
/** The sequences that move the cursor and clear what is behind it. */
const OURS = new RegExp(`${String.fromCharCode(27)}\\[\\d*[A-HJK]`, 'g');
const all = Object.values(HOSTILE).join(' ');
const LONGEST_MESSAGE = 1_500;

/** The texts that an error or an event gives to whoever shows it. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Error) return [value.message, ...textsOf({ ...value }), ...textsOf(value.cause)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function assertFit(values: readonly unknown[]): void {
  const texts = values.flatMap(textsOf);
  expect(texts.length).toBeGreaterThan(0);
  for (const text of texts) {
    expect(text).not.toMatch(UNFIT);
    expect(text.length).toBeLessThan(LONGEST_MESSAGE);
  }
}

describe('text of a stranger', () => {
  it.each(Object.entries(HOSTILE))('%s does not get through, in an excerpt or out of a page', (_, text) => {
    expect(text).toMatch(UNFIT);
    expect(excerpt(text)).not.toMatch(UNFIT);
    expect(pageExcerpt(`<p>${text}</p>`)).not.toMatch(UNFIT);
  });

  it('of a megabyte becomes two hundred characters', () => {
    expect(excerpt(all.repeat(5_000)).length).toBeLessThanOrEqual(201);
    expect(pageExcerpt(all.repeat(5_000)).length).toBeLessThanOrEqual(201);
  });

  it('loses its markup on the way out of a page', () => {
    expect(pageExcerpt('<script>alert(1)</script><img src=x onerror=alert(2)>sorry<style>*{}</style>')).toBe('sorry');
  });

  it('keeps what is only another language, or an emoji', () => {
    for (const text of ['Grüße, 日本語, مرحبا', '❤️ 👍']) expect(excerpt(text)).toBe(text);
  });
});

describe('an authorization server whose errors are hostile', () => {
  it.each([
    'error',
    'error_description',
    'message',
    'errorSummary',
  ])('in %s gets nothing into a message', async (member) => {
    const answer = await readErrorAnswer(Response.json({ [member]: all.repeat(100) }, { status: 400 }), []);
    assertFit([describeAnswer(answer)]);
  });

  it('gets nothing into an error, an event or a description of the session, at whichever of its endpoints', async () => {
    const hostile = {
      error: `bad${all}`,
      error_description: all.repeat(50),
      error_uri: `https://evil.example.org/${all}`,
    };
    for (const endpoint of ['/register', '/token', '/revoke', '/.well-known/']) {
      for (const status of [400, 500]) {
        const session = life(FLOWS['registered dynamically'] ?? (() => ({})), ({ url }) =>
          url.includes(endpoint) ? Response.json(hostile, { status }) : undefined,
        );
        await session.live();
        await session.leaks();
        if (endpoint !== '/revoke') assertFit(session.errors);
        for (const event of session.events) for (const text of textsOf(event)) expect(text).not.toMatch(UNFIT);
      }
    }
  }, 60_000);

  it('gets nothing of its callback into the error of the sign-in', async () => {
    const issuer = 'https://as.example.com';
    const url = new URL('https://app.example.com/callback?state=the-state');
    url.searchParams.set('error', 'access_denied');
    url.searchParams.set('error_description', all.repeat(50));
    const refused = () =>
      validateCallback({ authorizationServer: { issuer } as never, clientId: 'a', url, state: 'the-state' });
    const error = await failure((async () => refused())());
    assertFit([error]);
    expect(error.code).toBe('access_denied');
    url.searchParams.set('error', `denied${all}`);
    assertFit([await failure((async () => refused())())]);
  });
});

describe('an MCP server whose words are hostile', () => {
  it('gets them into the question for more scope only bounded, and without what steers a reader', async () => {
    const descriptions: (string | undefined)[] = [];
    const { provider, server } = closing(
      await scene(
        {
          onStepUp({ untrustedDescription }) {
            descriptions.push(untrustedDescription);
            return false;
          },
        },
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers['x-hostile'] === undefined) return false;
            const words = Buffer.from('\u009b31m \u0085 \u00ad'.repeat(200)).toString('latin1');
            const challenge = `Bearer error="insufficient_scope", scope="mcp:write", error_description="${words.replace(/[\n\r]/g, '')}"`;
            response.writeHead(403, { 'www-authenticate': challenge, 'content-length': '0' }).end();
            return true;
          },
        },
      ),
    );
    await provider.authorize();
    const init = callTool('x');
    const error = await failure(
      provider.fetch(server.url, { ...init, headers: { ...(init.headers as object), 'x-hostile': '1' } }),
    );
    expect(error.code).toBe('step_up_denied');
    expect(descriptions).toHaveLength(1);
    assertFit([descriptions, error]);
    expect(everythingOf(error)).not.toMatch(/[\u0080-\u009f]/);
  });

  it('gets nothing of a refused redirect into the error', async () => {
    const { provider, server } = closing(
      await scene(
        {},
        {
          intercept(request, response) {
            if (request.url !== '/mcp' || request.headers.authorization === undefined) return false;
            const location = `https://evil.example.org/%1b[31m/${'x'.repeat(5_000)}?token=${request.headers.authorization.slice(7)}`;
            response.writeHead(307, { location, 'content-length': '0' }).end();
            return true;
          },
        },
      ),
    );
    const error = await failure(provider.fetch(server.url, rpc('ping')));
    expect(error.code).toBe('redirect_refused');
    assertFit([error]);
    const token = (await provider.tokens.current())?.accessToken ?? '';
    expect(token).not.toBe('');
    expect(everythingOf(error)).not.toContain(token);
  });
});

describe('the screen of a device code', () => {
  it('shows no escape of the server that gives the code', async () => {
    const page = `https://login.example.org/${HOSTILE['a link of OSC 8']}${HOSTILE['an override of the direction']}`;
    const { screen } = closing(
      await deviceLogin({
        user_code: 'WDJB-MJHT',
        verification_uri: page,
        verification_uri_complete: `${page}?code=${HOSTILE['letters of no width']}`,
      }),
    );
    const shown = screen.slice(0, screen.indexOf('Waiting for the code'));
    expect(shown).toContain('login.example.org');
    // The line of what is waited for is cleared by sequences of our own.
    expect(shown.replace(OURS, '').split('\n').join('')).not.toMatch(UNFIT);
  });
});

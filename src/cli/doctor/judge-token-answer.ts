import { excerpt } from '../../http/index.js';
import { parseForm } from '../../http/normalize-token.js';
import { isNoEndpoint, type OAuthErrorAnswer, readErrorAnswer } from '../../oauth-error.js';
import { jsonIn } from './exchange-record.js';
import { NORMS } from './norms.js';
import type { StepLog } from './step-log.js';

const UNAVAILABLE: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** Statuses that say that it is a matter of time. A 500 to an empty request is often no more than a careless server. */
export function isUnavailable(status: number): boolean {
  return UNAVAILABLE.has(status);
}

/** What the answer to an empty POST says about a token endpoint: it should be an OAuth error. */
export async function judgeTokenAnswer(log: StepLog, response: Response): Promise<void> {
  const { status } = response;
  const text = await response.clone().text();
  const answer = await readErrorAnswer(response, []);
  const says = `The token endpoint answers an empty POST with ${status}`;
  if (isNoEndpoint(status) && answer.error === undefined) {
    log.add('problem', 'token-endpoint', `${says}: there is none at this URL.`, NORMS.tokenEndpoint, {
      remedy: 'The operator of the authorization server has to correct token_endpoint.',
    });
  } else if (isUnavailable(status)) {
    const details = { remedy: 'Run it again later.', code: 'server_unavailable', temporary: true } as const;
    log.add('problem', 'token-endpoint', `${says}: it is not available.`, NORMS.tokenEndpoint, details);
  } else if (status >= 500) {
    const message = `${says}, where 400 with an error belongs. It may work with a whole request.`;
    log.add('warning', 'token-endpoint', message, NORMS.tokenError, { remedy: 'The operator has to answer 400.' });
  } else if (status >= 400 && answer.error !== undefined) {
    const message = `${says} ${excerpt(answer.error, 60)}, as it should.`;
    log.add('ok', 'token-endpoint', message, NORMS.tokenError);
  } else judgeShape(log, { says, status, text, answer, type: response.headers.get('content-type') ?? '' });
}

interface Shape {
  readonly says: string;
  readonly status: number;
  readonly text: string;
  readonly answer: OAuthErrorAnswer;
  readonly type: string;
}

/** Answers that are no OAuth error as they stand: some are read by their shape, others are no token endpoint's. */
function judgeShape(log: StepLog, { says, status, text, answer, type }: Shape): void {
  const document = jsonIn(text);
  const remedy = 'Nothing has to be done here; other clients may not understand it.';
  if (status < 400 && answer.error !== undefined) {
    const message = `${says} and the error ${excerpt(answer.error, 60)}. An error with a status of success is read by its shape.`;
    log.add('note', 'token-endpoint', message, NORMS.tokenError, { remedy });
  } else if (parseForm(text) !== undefined) {
    log.add(
      'note',
      'token-endpoint',
      `${says} and a form instead of JSON, which is read by its shape.`,
      NORMS.tokenError,
      {
        remedy,
      },
    );
  } else if (document !== undefined) {
    const message = `${says} and JSON without an error member.`;
    log.add(status < 400 ? 'warning' : 'note', 'token-endpoint', message, NORMS.tokenError, {
      remedy: 'The operator should answer with the error codes of RFC 6749.',
    });
  } else if (status < 400 || /html/i.test(type)) {
    const isPage = /html/i.test(type);
    const message = `${says} and ${isPage ? 'a page' : 'no JSON'}: that is not a token endpoint, or something stands before it.`;
    const advice = 'The operator has to correct token_endpoint, or to let requests without a browser through.';
    const verdict = status < 400 ? 'problem' : 'warning';
    log.add(verdict, 'token-endpoint', message, NORMS.tokenError, { remedy: advice });
  } else {
    const message = `${says} without a JSON error.`;
    log.add('warning', 'token-endpoint', message, NORMS.tokenError, {
      remedy: 'The operator should answer with a JSON object that has an error.',
    });
  }
}

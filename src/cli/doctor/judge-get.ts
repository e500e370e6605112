import { findAuthChallenge, parseChallenges } from '../../challenge.js';
import { isEventStream, type ServerAnswer } from './ask-server.js';
import { NORMS } from './norms.js';
import type { StepLog } from './step-log.js';

/** What the answer to a GET without a token means beside the answers to the POSTs. */
export function judgeGet(log: StepLog, get: ServerAnswer, posts: readonly ServerAnswer[]): void {
  const post = posts.find(({ status }) => status === 401);
  if (get.status === undefined) {
    log.refused('get', get.error, NORMS.transport, undefined, 'warning');
  } else if (get.status === 401) {
    if (post === undefined) {
      log.add('ok', 'get', 'A GET is answered 401.', NORMS.statusCodes);
    } else if (namedBy(post) === namedBy(get)) {
      log.add('ok', 'get', 'A GET is refused in the same way.', NORMS.statusCodes);
    } else {
      const message = 'A GET is challenged with another metadata URL than a POST. The one of the POST is used.';
      log.add('warning', 'get', message, NORMS.resourceMetadataParameter, {
        remedy: 'The operator has to send the same challenge for every method.',
      });
    }
  } else if (get.status === 200 && isEventStream(get.response) && post !== undefined) {
    const message = 'A GET opens an event stream without a token, although a POST needs one.';
    const remedy = 'The operator has to check the token for every method.';
    log.add('warning', 'get', message, NORMS.statusCodes, { remedy });
  } else if (get.status >= 500) {
    log.add('warning', 'get', `A GET is answered ${get.status}; 405 says that there is no stream.`, NORMS.transport);
  } else {
    const message = `A GET is answered ${get.status}; a sign-in does not depend on it.`;
    log.add('ok', 'get', message, NORMS.transport);
  }
}

function namedBy(answer: ServerAnswer): string | undefined {
  if (answer.status === undefined) return undefined;
  return findAuthChallenge(parseChallenges(answer.response))?.parameters['resource_metadata'];
}

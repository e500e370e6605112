import type { JsonObject } from '../../http/json.js';
import { oddMembers } from './members.js';
import type { Norm } from './report.js';
import type { StepLog } from './step-log.js';

/** Members that deviate by shape, and how they are read. */
export function judgeOddMembers(log: StepLog, raw: JsonObject | undefined, norm: Norm): void {
  const { nulls, texts, lists } = oddMembers(raw);
  const remedy = 'Nothing has to be done here; other clients may refuse it, so the operator should correct it.';
  if (nulls.length > 0) {
    log.add(
      'note',
      'null-members',
      `Null where a member should be left out: ${nulls.join(', ')}. Read as absent.`,
      norm,
      { remedy },
    );
  }
  if (texts.length > 0) {
    const message = `No boolean where one has to be: ${texts.join(', ')}. Not counted as true.`;
    log.add('warning', 'not-boolean', message, norm, { remedy: 'The operator has to send true or false, not a text.' });
  }
  if (lists.length > 0) {
    log.add('note', 'not-a-list', `A text where a list has to be: ${lists.join(', ')}. Read as absent.`, norm, {
      remedy,
    });
  }
}

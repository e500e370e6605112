import { describe, expect, it } from 'vitest';
import { scrubber } from '../../../src/cli/doctor/scrub.js';

const scrub = scrubber('https://mcp.example.com/mcp');

describe('what a report is scrubbed of', () => {
  it.each([
    ...'\u0000\u001b\u0085\u202e\u2028\ud800',
    // Nothing is seen of these, whether they are letters, marks or formats.
    ...'\u00ad\u034f\u115f\u200b\u200d\u3164\uffa0\ufe0e\u{e0041}\u{e0100}',
  ])('hides no %j, in names as in values', (unfit) => {
    expect(scrub({ [`a${unfit}b`]: [`list${unfit}files`] })).toEqual({ 'a\ufffdb': ['list\ufffdfiles'] });
  });

  it('keeps line breaks and what people write', () => {
    const text = 'Grüße, 日本\nनमस्ते ❤️ 🙂';
    expect(scrub({ text, number: 1, flag: true, nothing: null })).toEqual({
      text,
      number: 1,
      flag: true,
      nothing: null,
    });
  });

  it('takes out the keys in the query and the credentials of the URL', () => {
    const clean = scrubber('https://user:hunter2hunter2@mcp.example.com/mcp?key=s3cr3t-0001');
    expect(clean('hunter2hunter2 and s3cr3t-0001')).toBe('… and …');
  });
});

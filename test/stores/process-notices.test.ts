import { describe, expect, it } from 'vitest';
import { Notices } from '../../src/stores/notices.js';
import { ProcessNotices } from '../../src/stores/process-notices.js';

describe.each([
  ['of one object', () => new Notices()],
  ['of the process', () => new ProcessNotices('place')],
])('notices %s', (_, open) => {
  it('reach everyone who watches the key, and nobody else, until the watch ends', () => {
    const notices = open();
    const heard: string[] = [];
    const ends = ['a', 'a', 'b'].map((key, index) => notices.watch(key, () => heard.push(`${key}${index}`)));
    notices.changed('a');
    expect(heard).toEqual(['a0', 'a1']);
    ends[0]?.();
    notices.changed('a');
    notices.changed('b');
    expect(heard).toEqual(['a0', 'a1', 'a1', 'b2']);
    for (const end of ends) end();
    notices.changed('a');
    expect(heard).toHaveLength(4);
  });

  it('a listener that fails disturbs neither the others nor who wrote', () => {
    const notices = open();
    let heard = 0;
    const ends = [
      notices.watch('a', () => {
        throw new Error('listener');
      }),
      notices.watch('a', () => heard++),
    ];
    notices.changed('a');
    for (const end of ends) end();
    expect(heard).toBe(1);
  });
});

describe('notices of the process', () => {
  it('tell objects of the same place, and not those of another', () => {
    const heard: string[] = [];
    const ends = ['here', 'there'].map((place) => new ProcessNotices(place).watch('a', () => heard.push(place)));
    new ProcessNotices('here').changed('a');
    for (const end of ends) end();
    expect(heard).toEqual(['here']);
  });
});

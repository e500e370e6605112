import type { Norm } from './report.js';

/** The places in specifications that a report speaks of, numbered as they come. */
export interface References {
  /** `[3]`: the number of this place. */
  mark(norm: Norm): string;
  /** Every place so far, in the order of the numbers. */
  list(): readonly Norm[];
}

export function createReferences(): References {
  const norms: Norm[] = [];
  return {
    mark(norm) {
      const known = norms.findIndex(({ name, url }) => name === norm.name && url === norm.url);
      return `[${known < 0 ? norms.push(norm) : known + 1}]`;
    },
    list: () => norms,
  };
}

import type { Moment, Step } from './protocol.js';

/** A place in the course of a process. */
export interface KillPoint {
  /** The step and the moment: `rename session.json.tmp before`. */
  readonly name: string;
  /** Its place in time. */
  readonly at: number;
}

/** Every step: before it, half through it where it can be torn, and after the last. */
export function everyPoint(steps: readonly Step[]): KillPoint[] {
  return pointsOf(steps, () => true);
}

/** As {@link everyPoint}, without the steps that only read: a kill before those finds what a kill before the next change finds. */
export function changes(steps: readonly Step[]): KillPoint[] {
  return pointsOf(steps, (step) => step.changes);
}

/**
 * As {@link changes}, without what nobody looks at: the making of files under temporary names, of which only the writing of values is
 * torn, and what is written into a lock file.
 */
export function visibleChanges(steps: readonly Step[]): KillPoint[] {
  const isVisible = ({ name, changes, tears }: Step) =>
    changes && (tears ? /\.json|key/.test(name) : !/^(create|unlink) .*\.tmp/.test(name));
  return pointsOf(steps, isVisible).filter(({ name }) => !/^writeFile .* before$/.test(name));
}

/** The points from one to another, and the last. */
export function between(points: readonly KillPoint[], from?: string, until?: string): KillPoint[] {
  const place = (name: string) => points.findIndex((one) => one.name === name);
  const [start, end] = [from === undefined ? 0 : place(from), until === undefined ? points.length : place(until) + 1];
  if (start < 0 || end < 1) throw new Error(`There is no kill at ${from} or at ${until}.`);
  return points.filter((_, index) => (index >= start && index < end) || index === points.length - 1);
}

/** The end of the step of this name, where the process has such a step; else it is never reached. */
export function endOf(steps: readonly Step[], name: string): number {
  const index = steps.findIndex((step) => step.name === name);
  return index < 0 ? Number.POSITIVE_INFINITY : 2 * index + 1;
}

function pointsOf(steps: readonly Step[], isOne: (step: Step) => boolean): KillPoint[] {
  const last = steps.findLastIndex(isOne);
  return steps.flatMap((step, index) =>
    isOne(step)
      ? [
          point(step, index, 'before'),
          ...(step.tears ? [point(step, index, 'middle')] : []),
          ...(index === last ? [point(step, index, 'after')] : []),
        ]
      : [],
  );
}

function point({ name }: Step, index: number, moment: Moment): KillPoint {
  return { name: `${name} ${moment}`, at: 2 * index + (moment === 'after' ? 1 : 0) };
}

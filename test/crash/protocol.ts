/** What one process is told to do. */
export interface Job {
  readonly serverUrl: string;
  readonly directory: string;
  /** A tool that is called, or a click on "sign in" or "sign out". */
  readonly action: 'echo' | 'create_issue' | 'sign-in' | 'sign-out';
  /** The step and the moment at which it kills itself: `rename session.json before`. */
  readonly killAt?: string;
  /** How far its clock is ahead, in ms. */
  readonly clockOffsetMs?: number;
  /** Whether it looks about while it waits for a person. Where its steps are counted it does not, or chance would add some. */
  readonly looksAbout?: boolean;
}

/** One step of a process. */
export interface Step {
  /** What is done, and to what; with a number where it is done again. */
  readonly name: string;
  /** Whether it leaves something else behind, here or at the server. */
  readonly changes: boolean;
  /** Whether it can be done by half. */
  readonly tears: boolean;
}

/** When a process is killed: before the step, half through it, or when it is done and nothing else is. */
export type Moment = 'before' | 'middle' | 'after';

/** What a process reports, a line of JSON each. */
export type Report =
  | { readonly type: 'step'; readonly step: Step }
  | { readonly type: 'tab'; readonly url: string }
  | { readonly type: 'outcome'; readonly outcome: string };

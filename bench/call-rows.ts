import type { Results } from './results.js';
import type { Estimate } from './statistics.js';
import { both, judge, row, type Section, show, times, whole } from './table.js';

const ADDED_MICROSECONDS = 5;
const LOOPBACK_RATIO = 1.03;

/** What a call pays, and a request of the library's own. */
export function callSections(results: Results): Section[] {
  return [addedTime(results), loopbackRatio(results), addressRule(results)].filter((section) => section !== undefined);
}

function addedTime({ addedTime: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { fetch, fetchNoise, toolCall, plainToolCall } = measured;
  return {
    title: 'Added time per tools/call where fetch is a stub in the process, in microseconds (median, ± 95 % interval)',
    rows: [
      row({
        feature: 'authorized fetch over the bare stub',
        detail: 'microseconds added',
        ours: micros(fetch),
        bound: `<= ${ADDED_MICROSECONDS} us`,
        verdict: judge(ADDED_MICROSECONDS, fetch),
      }),
      {
        feature: 'whole call over a static header',
        ours: both(micros(toolCall.oursV1), micros(toolCall.oursV2)),
        v1: micros(toolCall.sdkV1),
        v2: micros(toolCall.sdkV2),
        bound: `<= ${ADDED_MICROSECONDS} us`,
        verdict: judge(ADDED_MICROSECONDS, toolCall.oursV1, toolCall.oursV2),
        main: false,
      },
    ],
    notes: [
      "below 0: each transport merges a static header into every request, which the SDKs' own auth saves",
      `noise: the stub over itself ${micros(fetchNoise)}; the static header over itself ${micros(toolCall.noiseV1)} (v1), ${micros(toolCall.noiseV2)} (v2)`,
      `a call with a static header takes ${whole(plainToolCall.v1, 'us')} (v1), ${whole(plainToolCall.v2, 'us')} (v2)`,
    ],
  };
}

function loopbackRatio({ loopbackRatio: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, plain } = measured;
  return {
    title: 'Time per tools/call on loopback (median, ± 95 % interval)',
    rows: [
      {
        feature: 'ratio to a static header',
        detail: 'time of a tools/call on loopback',
        ours: both(times(ratio.oursV1), times(ratio.oursV2)),
        v1: times(ratio.sdkV1),
        v2: times(ratio.sdkV2),
        bound: `<= ${LOOPBACK_RATIO}`,
        verdict: judge(LOOPBACK_RATIO, ratio.oursV1, ratio.oursV2),
        main: true,
      },
    ],
    notes: [
      `noise: the static header against itself ${times(noise.v1)} (v1), ${times(noise.v2)} (v2), ${noise.v1.rounds} interleaved rounds`,
      `a call with a static header takes ${whole(plain.v1, 'us')} (v1), ${whole(plain.v2, 'us')} (v2)`,
    ],
  };
}

function addressRule({ addressCost: measured }: Results): Section | undefined {
  if (measured === undefined) return undefined;
  const { ratio, noise, plain, judged } = measured;
  return {
    title: "Time of the library's own OAuth requests on a kept loopback connection (median, ± 95 % interval)",
    rows: [
      row({
        feature: 'ratio to a bare undici agent, with address rule and bounds',
        detail: 'time of a metadata request',
        ours: times(ratio),
      }),
    ],
    notes: [
      `noise: the bare agent against itself ${times(noise)}; a request through it takes ${whole(plain, 'us')}`,
      `the rule alone judges a URL in ${show(judged.name, 2)} us (name) and ${show(judged.literal, 2)} us (literal)`,
    ],
  };
}

function micros(value: Estimate): string {
  return show(value, 1);
}

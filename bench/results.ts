import type { AddedTime } from './added-time.js';
import type { AddressCost } from './address-cost.js';
import type { BridgeResult } from './bridges.js';
import type { CancelTime } from './cancel.js';
import type { Concurrency } from './concurrency.js';
import type { ContenderName } from './contenders.js';
import type { FleetResult } from './fleet.js';
import type { HotPath } from './hot-path.js';
import type { ImportTime } from './import-time.js';
import type { LoopbackRatio } from './loopback-ratio.js';
import type { MachineResult } from './machine.js';
import type { Packages } from './packages.js';
import type { SharedSessionResult } from './processes.js';
import type { FirstResult } from './request-counts.js';
import type { SignInTime } from './sign-in.js';
import type { StoreTimes } from './store-times.js';

/** Everything that was measured in one run; what could not be measured is missing. */
export interface Results {
  readonly machine: Machine;
  addedTime?: AddedTime;
  loopbackRatio?: LoopbackRatio;
  addressCost?: AddressCost;
  requests?: Readonly<Record<ContenderName, FirstResult>>;
  concurrency?: Readonly<Record<ContenderName, Concurrency>>;
  importTime?: ImportTime;
  packages?: Packages;
  hotPath?: HotPath;
  stores?: StoreTimes;
  /** Or why this machine cannot. */
  signIn?: SignInTime | { readonly missing: string };
  /** Or why this machine cannot. */
  bridges?: BridgeResult | { readonly missing: string };
  cancel?: CancelTime;
  machines?: MachineResult;
  processes?: readonly SharedSessionResult[];
  fleet?: FleetResult;
  /** What this machine lacks for some of it, a sentence each. */
  missing?: readonly string[];
  readonly failures: string[];
}

export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core in the minute before the run and at its end. */
  readonly load: number[];
}

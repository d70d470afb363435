import type { Clock } from '@vcap/clock';
import type { AddressPlan } from './addresses.ts';
import type { CgroupLayout } from './cgroup.ts';
import type { Claims } from './claims.ts';
import type { Firewall } from './firewall.ts';
import type { Helpers } from './helpers.ts';
import type { Owner } from './owner.ts';
import type { RootFilesystems } from './rootfs.ts';
import type { ReadOnlyPath } from '../types.ts';

/** What the containers of one warden share. */
export interface RuncHost {
  clock: Clock;
  owner: Owner;
  helpers: Helpers;
  claims: Claims;
  addresses: AddressPlan;
  firewall: Firewall;
  cgroups: CgroupLayout;
  roots: RootFilesystems;
  /** Paths that every container sees. */
  readOnlyPaths: readonly ReadOnlyPath[];
  /** Path or name of the OCI runtime. */
  runtime: string;
  initProgram: string;
  swapLimit: boolean;
}

import type { NodeConfig } from '../node/config.ts';
import { basicChecks } from './basic-checks.ts';
import { crashChecks } from './crash-checks.ts';
import type { Check, ServiceUnderTest } from './contract.ts';
import { faultChecks } from './fault-checks.ts';
import { nameChecks } from './name-checks.ts';

import { snapshotChecks } from './snapshot-checks.ts';

/** All that a service promises, one check each: `for (const { name, run } of serviceChecks(mine)) it(name, run)`. */
export function serviceChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  return [
    ...basicChecks(service),
    ...nameChecks(service),
    ...faultChecks(service),
    ...snapshotChecks(service),
    ...crashChecks(service),
  ];
}

/** Runs all checks one after another; rejects with the failures, by name, when there are any. */
export async function verifyService<C extends NodeConfig>(service: ServiceUnderTest<C>): Promise<void> {
  const failures: Error[] = [];
  for (const { name, run } of serviceChecks(service)) {
    try {
      await run();
    } catch (cause) {
      failures.push(
        new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause }),
      );
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(
      failures,
      `the service breaks its contract:\n${failures.map(String).join('\n')}`,
    );
  }
}

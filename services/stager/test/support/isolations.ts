import { join } from 'node:path';
import { describe } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { detectBackend } from '@vcap/warden';
import type { Isolation } from '@vcap/warden';

const probe = await tempDir('stager-probe');
const found = await detectBackend({ clock: systemClock, stateDir: join(probe.path, 'state') });
await probe.remove();

/** Why tests with the runc back-end cannot run here; undefined when they can. */
const runcMissing = found.isolation === 'runc' ? undefined : found.reason;
if (runcMissing !== undefined) process.stderr.write(`skipped: staging in runc containers: ${runcMissing}\n`);

/** `describe` for what this machine can isolate so, `describe.skip` otherwise. */
export const describeWith = (isolation: Isolation): typeof describe =>
  (isolation === 'runc' && runcMissing !== undefined ? describe.skip : describe) as typeof describe;

/** The same tests with each back-end. */
export const describeWithEach = (what: string, tests: (isolation: Isolation) => void): void => {
  for (const isolation of ['process', 'runc'] as const)
    describeWith(isolation)(`${what} (${isolation})`, () => tests(isolation));
};

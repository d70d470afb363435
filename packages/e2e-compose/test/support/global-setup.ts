import { prepareEngine } from './engine.ts';
import tearDown from './global-teardown.ts';
import { projectOf, skipVariable, startedVariable } from './usable.ts';

const say = (text: string): void => void process.stderr.write(`e2e-compose: ${text}\n`);

/** Prepares the engine once for all files. Whatever is in the way is a reason to skip, unless they are required. */
export default async function setUp(): Promise<void> {
  const began = performance.now();
  process.env[projectOf] = `vcap-e2e-${process.pid}`;
  // There is no image of the reaper where no registry answers; the teardown looks after what is left.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  try {
    await prepareEngine(say, () => (process.env[startedVariable] = 'yes'));
    say(`engine and images are there after ${Math.round((performance.now() - began) / 1000)} s`);
  } catch (error) {
    if (process.env['VCAP_E2E_COMPOSE'] === 'required') {
      await tearDown();
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    process.env[skipVariable] = reason;
    say(`ALL TESTS IN CONTAINERS ARE SKIPPED: ${reason}`);
  }
}

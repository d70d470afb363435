import type { Clock } from '@vcap/clock';
import type { AppRecord } from '../ports.ts';
import type { ActualState } from './actual-state.ts';

const LOOK_EVERY_MS = 200;
const ORDER_GONE_MS = 3000;

/**
 * Waits until an instance of the app's version serves at `index`. `crashed` when it said so itself; `late` when the
 * time is over, or when no DEA was found for it.
 */
export async function waitRunning(
  { actual, clock }: { actual: ActualState; clock: Clock },
  { guid, version }: Pick<AppRecord, 'guid' | 'version'>,
  index: number,
  timeoutMs: number,
): Promise<'running' | 'crashed' | 'late'> {
  const deadline = clock.monotonic() + timeoutMs;
  const hopelessAt = clock.monotonic() + ORDER_GONE_MS;
  for (;;) {
    const states = actual
      .of(guid)
      .filter((each) => each.version === version && each.index === index)
      .map(({ state }) => state);
    if (states.includes('RUNNING')) return 'running';
    if (states.includes('CRASHED')) return 'crashed';
    const now = clock.monotonic();
    const awaited = states.includes('STARTING') || actual.orderedSince(guid, version, index) !== undefined;
    if (now >= deadline || (!awaited && now >= hopelessAt)) return 'late';
    await clock.sleep(LOOK_EVERY_MS);
  }
}

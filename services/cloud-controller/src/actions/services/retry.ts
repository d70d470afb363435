import type { Operation } from '../../repositories/service-operations.ts';
import type { Services } from '../context.ts';

const FIRST_MS = 15_000;
const MOST_MS = 60 * 60_000;

/** When a deletion that its gateway did not confirm is tried again. */
export function retryAt(
  services: Pick<Services, 'clock'>,
  { attempts }: Pick<Operation, 'attempts'>,
): number {
  return services.clock.now() + Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 20));
}

import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { ProcessWarden } from '@vcap/warden';
import type { Warden } from '@vcap/warden';

/** What a back-end is made with. */
export interface WardenSettings {
  clock: Clock;
  log: Logger;
  stateDir: string;
  sampleMs: number;
}

/** The containers this machine can have; the weaker kind is said loudly. */
export async function chooseWarden({ clock, log, sampleMs, stateDir }: WardenSettings): Promise<Warden> {
  const warden: Warden = new ProcessWarden({ clock, stateDir, sampleMs });
  if (warden.isolation === 'process')
    log.warn({
      event: 'isolation-is-process',
      why: 'applications run as plain processes of this user: nothing keeps them apart; for trusted code only',
    });
  return warden;
}

import { stagingAdvertise, stagingLocate } from '@vcap/bus';
import type { Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { Staging } from '../ports.ts';
import { BusStaging } from './bus-staging.ts';
import type { BusStagingOptions } from './bus-staging.ts';
import { StagerPool } from './stager-pool.ts';

/** The part of the controller that hands applications to stagers, and the member that listens to them. */
export function createStaging(options: Omit<BusStagingOptions, 'pool'>): {
  staging: Staging;
  member: Member;
} {
  const pool = new StagerPool(options.clock);
  let subscription: Subscription | undefined;
  const member: Member = {
    name: 'staging',
    start: async () => {
      subscription = options.bus.subscribe(stagingAdvertise, (advert) => pool.advertise(advert));
      options.bus.publish(stagingLocate, {});
    },
    stop: async () => subscription?.unsubscribe(),
  };
  return { staging: new BusStaging({ ...options, pool }), member };
}

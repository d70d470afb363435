import type { ComponentContext, Member } from '@vcap/component';
import { createBitsWithSweeper } from './bits/index.ts';
import { compose } from './compose.ts';
import type { Parts, PartsInput } from './compose.ts';
import type { Config } from './config.ts';
import { createInstances } from './instances/index.ts';
import { createStaging } from './staging/index.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** The cloud controller's members in their order of start, with the real parts. */
export function buildCloudController(context: ComponentContext<Config>): Member[] {
  return compose(context, (input) => realParts(context, input)).members;
}

function realParts(context: ComponentContext<Config>, { store, settings, baseUrl }: PartsInput): Parts {
  const { config, log, clock, bus } = context;
  const { bits, sweeper } = createBitsWithSweeper({
    blobstore: config.blobstore,
    tmpdir: config.directories?.tmpdir,
    log,
    clock,
    maxPackageBytes: config.max_package_bytes,
    budget: {
      expireMs: config.resource_pool.expire_days * DAY_MS,
      maxBytes: config.resource_pool.max_bytes,
    },
  });
  const dea = createInstances({ bus, log, clock, store, baseUrl });
  const stagers = createStaging({
    bus,
    log,
    clock,
    store,
    baseUrl,
    auth: settings.stagingAuth,
    timeoutSeconds: config.staging.timeout_seconds,
  });
  return {
    bits,
    instances: dea.instances,
    offered: dea.offered,
    staging: stagers.staging,
    members: [dea.member, stagers.member, sweeper],
  };
}

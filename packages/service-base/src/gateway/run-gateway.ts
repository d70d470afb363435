import { checksOfBlobstore, createBlobstore } from '@vcap/blobstore';
import { runComponent } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import { serviceApp } from '../http/app.ts';
import { HttpServer } from '../http/http-server.ts';
import { instanceRoutes } from '../http/instance-routes.ts';
import { internalRoutes } from '../http/internal-routes.ts';
import { downloadPath, downloadRoutes, lifecycleRoutes } from '../http/lifecycle-routes.ts';
import { Lifecycle } from '../jobs/lifecycle.ts';
import { Advertiser } from './advertiser.ts';
import type { GatewayBackend } from './backend.ts';
import { gatewayConfigSchema } from './config.ts';
import type { GatewayConfig } from './config.ts';
import { ControllerClient } from './controller-client.ts';
import { GatewayListener } from './gateway-listener.ts';
import { HandleCache } from './handle-cache.ts';
import { HandleSource } from './handle-source.ts';
import { hasBegun } from './has-begun.ts';
import { Migration } from './migration.ts';
import { NodeClient } from './node-client.ts';
import { NodeDirectory } from './node-directory.ts';
import type { NodeScore } from './node-directory.ts';
import { labelOf, offeringOf } from './offering.ts';
import { Orphans } from './orphans.ts';
import { Provisioner } from './provisioner.ts';
import { Recovery } from './recovery.ts';
import { registerVarz } from './varz.ts';

export interface GatewayOptions {
  /** First word of the service's subjects, such as `MyaaS`. */
  serviceName: string;
  /** Which node gets the next instance: the highest above 0; the free capacity by default. */
  score?: NodeScore;
  /** For a service without nodes. */
  backend?: (context: ComponentContext<GatewayConfig>) => GatewayBackend;
}

/** Runs a gateway as a process of its own, from `--config <file>` until TERM or INT. */
export async function runGateway(options: GatewayOptions & { name: string }): Promise<void> {
  await runComponent<GatewayConfig>({
    type: `${options.serviceName}-Provisioner`,
    name: options.name,
    schema: gatewayConfigSchema,
    build: (context) => buildGateway(context, options),
    checks: ({ blobstore }) => checksOfBlobstore(blobstore),
  });
}

/** The members of a gateway, in their order: it is offered once it listens. */
export function buildGateway(component: ComponentContext<GatewayConfig>, options: GatewayOptions): Member[] {
  const { config, bus, log, clock, varz, identity } = component;
  const { serviceName } = options;
  const label = labelOf(config.service);
  const cache = new HandleCache(clock);
  const nodes = new NodeDirectory(clock, options.score);
  const controller = new ControllerClient({ url: config.cloud_controller_uri, token: config.token });
  const handles = new HandleSource({
    client: controller,
    cache,
    label,
    clock,
    log,
    retryMs: config.handle_fetch_interval * 1000,
    refreshMs: config.handle_refresh_interval * 1000,
  });
  const client = new NodeClient({ bus, clock, log, serviceName, timeoutMs: config.node_timeout * 1000 });
  const provisioner = new Provisioner({
    config,
    cache,
    handles,
    nodes,
    client,
    log,
    gone: (instance) => lifecycle?.forget(instance),
  });
  const recovery = new Recovery({ provisioner, client, controller, cache, label, log });
  const migration = new Migration({ provisioner, client, cache, recovery, serviceName });
  const orphans = new Orphans({
    bus,
    clock,
    log,
    serviceName,
    cache,
    handles,
    interval: config.check_orphan_interval,
    doubleCheck: config.double_check_orphan_interval,
  });
  const store = config.blobstore && createBlobstore(config.blobstore, { clock, log });
  const lifecycle =
    config.redis &&
    store &&
    new Lifecycle({
      config,
      redisUri: config.redis.uri,
      store,
      clock,
      log,
      serviceName,
      urlTemplate: () => config.download_url_template ?? (config.url ?? server.url) + downloadPath,
    });
  const responses: Record<string, number> = {};
  const backend = options.backend?.(component) ?? provisioner;
  const app = serviceApp({
    log,
    token: config.token,
    ready: hasBegun(
      clock,
      () => cache.loaded,
      () => options.backend !== undefined || nodes.all().length > 0,
    ),
    maxBody: Math.ceil((config.import.max_inline_bytes * 4) / 3) + 1024,
    routes: [
      instanceRoutes({ backend, era: config.era, log }),
      lifecycleRoutes({ lifecycle, find: (id) => provisioner.instance(id) }),
      internalRoutes({ orphans, recovery, migration }),
    ],
    ...(lifecycle && store
      ? { open: downloadRoutes({ lifecycle, store, service: config.service.name }) }
      : {}),
    responses,
  });
  const server = new HttpServer(app, { host: config.host ?? identity.ip, port: config.port });
  registerVarz(varz, { config, cache, nodes, orphans, responses });
  const offering = (active: boolean) => offeringOf(config, config.url ?? server.url, active);
  return [
    ...(lifecycle ? [lifecycle] : []),
    client,
    new GatewayListener({ bus, serviceName, cache, recovery, nodes }),
    orphans,
    handles,
    server,
    new Advertiser({
      client: controller,
      bus,
      clock,
      log,
      offering,
      intervalMs: config.heartbeat_interval * 1000,
      identity,
    }),
  ];
}

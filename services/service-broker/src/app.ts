import { RouteRegistration } from '@vcap/component';
import type { ComponentContext, Member } from '@vcap/component';
import { ControllerClient, HttpServer, instanceRoutes, serviceApp } from '@vcap/service-base';
import { Advertiser } from './adapters/advertiser.ts';
import { ServiceStore } from './adapters/service-store.ts';
import { Broker } from './broker.ts';
import type { Config } from './config.ts';
import { offeringRoutes } from './http/offering-routes.ts';

const maxBodyBytes = 1024 * 1024;

/** The broker's members, in their order. */
export function build({ config, bus, log, clock, identity, varz }: ComponentContext<Config>): Member[] {
  const store = new ServiceStore(config.local_db);
  const client = new ControllerClient({ url: config.cloud_controller_uri, token: config.token });
  const { external_uri: host } = config;
  const url = (): string => config.url ?? (host === undefined ? server.url : `http://${host}`);
  const broker = new Broker({ store, client, log, url });
  const responses: Record<string, number> = {};
  const app = serviceApp({
    log,
    token: config.token,
    ready: () => true,
    maxBody: maxBodyBytes,
    routes: [offeringRoutes(broker, store), instanceRoutes({ backend: broker, era: config.era, log })],
    responses,
  });
  const server = new HttpServer(app, { host: identity.ip, port: config.port });
  varz.set('offerings', () => store.all().map(({ label }) => label));
  varz.set('responses_metrics', () => responses);
  const route =
    host === undefined
      ? []
      : [
          new RouteRegistration({
            bus,
            clock,
            component: 'ServiceBroker',
            route: () => ({ host: identity.ip, port: server.port, uris: [host] }),
          }),
        ];
  const advertiser = new Advertiser({
    broker,
    store,
    predefined: config.services,
    clock,
    log,
    intervalMs: config.heartbeat_interval * 1000,
  });
  return [store, server, ...route, advertiser];
}

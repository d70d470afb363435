import type { Database } from '../db/open.ts';
import type { SecretBox } from '../domain/secret-box.ts';
import type { AppStore } from '../ports.ts';
import { Apps } from './apps.ts';
import { Events } from './events.ts';
import { ServiceOfferings } from './service-offerings.ts';
import { ServiceStore } from './service-store.ts';
import { ServiceTokens } from './service-tokens.ts';
import { StartOrders } from './start-orders.ts';
import { UploadTokens } from './upload-tokens.ts';
import { Users } from './users.ts';

/** Every repository over one database. */
export interface Store {
  apps: Apps;
  users: Users;
  events: Events;
  uploadTokens: UploadTokens;
  startOrders: StartOrders;
  offerings: ServiceOfferings;
  serviceTokens: ServiceTokens;
  services: ServiceStore;
}

/** `box` seals credentials and tokens: the same for all controllers of one database. */
export function createStore(database: Database, box: SecretBox): Store {
  const services = new ServiceStore(database, box);
  return {
    apps: new Apps(database, services),
    users: new Users(database),
    events: new Events(database),
    uploadTokens: new UploadTokens(database),
    startOrders: new StartOrders(database),
    offerings: new ServiceOfferings(database),
    serviceTokens: new ServiceTokens(database, box),
    services,
  };
}

/** The part of the store that the bus-facing and staging members see. */
export function appStoreOf({ apps, uploadTokens, startOrders, services }: Store): AppStore {
  return {
    byGuid: (guid) => apps.byGuid(guid),
    boundServices: (guid) => services.bindings.boundTo(guid),
    update: (guid, change) => apps.update(guid, change),
    finishStaging: (guid, taskId, result) => apps.finishStaging(guid, taskId, result),
    putUploadToken: (token, guid, expiresAt) => uploadTokens.putUploadToken(token, guid, expiresAt),
    takeUploadToken: (token, guid) => uploadTokens.takeUploadToken(token, guid),
    takeStartOrder: (order, lifeMs) => startOrders.takeStartOrder(order, lifeMs),
    giveBackStartOrder: (order) => startOrders.giveBackStartOrder(order),
  };
}

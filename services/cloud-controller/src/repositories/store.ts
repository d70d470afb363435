import type { Database } from '../db/open.ts';
import type { AppStore } from '../ports.ts';
import { Apps } from './apps.ts';
import { Events } from './events.ts';
import { UploadTokens } from './upload-tokens.ts';
import { Users } from './users.ts';

/** Every repository over one database. */
export interface Store {
  apps: Apps;
  users: Users;
  events: Events;
  uploadTokens: UploadTokens;
}

export function createStore(database: Database): Store {
  return {
    apps: new Apps(database),
    users: new Users(database),
    events: new Events(database),
    uploadTokens: new UploadTokens(database),
  };
}

/** The part of the store that the bus-facing and staging members see. */
export function appStoreOf({ apps, uploadTokens }: Store): AppStore {
  return {
    byGuid: (guid) => apps.byGuid(guid),
    update: (guid, change) => apps.update(guid, change),
    finishStaging: (guid, taskId, result) => apps.finishStaging(guid, taskId, result),
    putUploadToken: (token, guid, expiresAt) => uploadTokens.putUploadToken(token, guid, expiresAt),
    takeUploadToken: (token, guid) => uploadTokens.takeUploadToken(token, guid),
  };
}

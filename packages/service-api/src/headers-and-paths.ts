/** The header both sides show their shared token in. Every request, GET and DELETE too, is `application/json`. */
export const serviceTokenHeader = 'X-VCAP-Service-Token';

const word = encodeURIComponent;

/** What a gateway asks of the cloud controller (services.md §2). */
export const controllerPaths = Object.freeze({
  /** POST an `Offering`: create or update by label, at start and every minute. Answer 200 `{}`. */
  offerings: '/services/v1/offerings',
  /** DELETE: the offering goes. Answer 200 `{}`. `label` is `name-version`. */
  offering: (label: string): string => `/services/v1/offerings/${word(label)}`,
  /** GET: a `HandleList`, instances first, then bindings. */
  handles: (label: string): string => `/services/v1/offerings/${word(label)}/handles`,
  /** POST a `Handle`: its configuration and credentials changed. Answer 200 `{}`; unknown 404. */
  handle: (label: string, id: string): string => `/services/v1/offerings/${word(label)}/handles/${word(id)}`,
});

const configuration = (id: string): string => `/gateway/v1/configurations/${word(id)}`;

/** What the cloud controller asks of a gateway (services.md §3). */
export const gatewayPaths = Object.freeze({
  /** POST a `ProvisionRequest`, answer a `Handle` of an instance. */
  configurations: '/gateway/v1/configurations',
  /** DELETE an instance, answer `{}`. */
  configuration,
  /** POST a `BindRequest`, answer a `Handle` of a binding. */
  handles: (id: string): string => `${configuration(id)}/handles`,
  /** DELETE with an `UnbindRequest`, answer `{}`. */
  handle: (id: string, handleId: string): string => `${configuration(id)}/handles/${word(handleId)}`,
  /** POST: a `Job` whose result is a `Snapshot`. GET: a `SnapshotList`. */
  snapshots: (id: string): string => `${configuration(id)}/snapshots`,
  /** GET: a `Snapshot`. PUT: a `Job` that rolls back to it. DELETE: a `Job` that deletes it. */
  snapshot: (id: string, snapshotId: string): string => `${configuration(id)}/snapshots/${word(snapshotId)}`,
  /** POST a `SnapshotName`, answer `{}`. */
  snapshotName: (id: string, snapshotId: string): string =>
    `${configuration(id)}/snapshots/${word(snapshotId)}/name`,
  /** POST: a `Job` whose result is a `SerializedUrl`. GET: the `SerializedUrl`, 404 while there is none. */
  serializedUrl: (id: string, snapshotId: string): string =>
    `${configuration(id)}/serialized/url/snapshots/${word(snapshotId)}`,
  /** PUT a `SerializedUrl`: a `Job` whose result is the new `Snapshot`; it loads nothing, a rollback does. */
  importUrl: (id: string): string => `${configuration(id)}/serialized/url`,
  /** PUT a `SerializedData`: the same with the data in the request. */
  importData: (id: string): string => `${configuration(id)}/serialized/data`,
  /** GET: a `Job`. */
  job: (id: string, jobId: string): string => `${configuration(id)}/jobs/${word(jobId)}`,
  /** POST an operator's `RestoreRequest`, answer `{}`. */
  restore: '/service/internal/v1/restore',
  /** POST a `RestoreRequest`: make a lost instance again on any node, from a backup. */
  recover: '/service/internal/v1/recover',
  /** POST: nodes report what they have; the findings show in /varz after the double check. */
  checkOrphan: '/service/internal/v1/check_orphan',
  /** DELETE with a `PurgeOrphanRequest`. */
  purgeOrphan: '/service/internal/v1/purge_orphan',
  /** POST: disable, enable, import, update, unprovision, cleanupnfs or check. */
  migration: (node: string, instance: string, action: string): string =>
    `/service/internal/v1/migration/${word(node)}/${word(instance)}/${word(action)}`,
  /** GET: the names of a node's instances. */
  nodeInstances: (node: string): string => `/service/internal/v1/migration/${word(node)}/instances`,
});

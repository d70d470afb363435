import { z } from 'zod';
import { defineNodeSubject, defineServiceSubject } from '../service-subject.ts';

/**
 * Subjects between the gateways and nodes of a service (services.md §4). The first word is the service's name on the
 * bus, such as `MyaaS`; the last one, where there is a third, is the node's id. JSON null counts as absent.
 */

const text = z.string().min(1);

const credentials = z.looseObject({ name: text });
/** What an application gets to reach an instance; `name` is the instance's name, on bindings too. */
export type ServiceCredentials = z.infer<typeof credentials>;

const handle = z.looseObject({
  service_id: text,
  configuration: z
    .looseObject({})
    .nullish()
    .transform((value) => value ?? {}),
  credentials,
});
/** An instance or a binding as the cloud controller keeps it; an instance has `service_id` = `credentials.name`. */
export type ServiceHandle = z.infer<typeof handle>;

const failure = z.looseObject({
  success: z.literal(false),
  error: z.looseObject({
    /** HTTP status for the gateway's own answer. */
    status: z.int().min(400).max(599),
    msg: z.looseObject({ code: z.int(), description: z.string() }),
    /** Nothing was made and another node may have room; absent from the originals. */
    retry_elsewhere: z.boolean().optional(),
  }),
});
export type ServiceFailure = z.infer<typeof failure>;
const simple = z.discriminatedUnion('success', [z.looseObject({ success: z.literal(true) }), failure]);
export type ServiceSimpleReply = z.infer<typeof simple>;
const withCredentials = z.discriminatedUnion('success', [
  z.looseObject({ success: z.literal(true), credentials }),
  failure,
]);
export type ServiceCredentialsReply = z.infer<typeof withCredentials>;

const discover = z.looseObject({ plan: z.string().nullish() });
export type ServiceDiscover = z.infer<typeof discover>;
const announcement = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9_-]+$/, 'not a node id'),
  plan: z.string().nullish(),
  available_capacity: z.number(),
  max_capacity: z.number().nullish(),
  capacity_unit: z.number().positive().nullish(),
  supported_versions: z.array(z.string()).nullish(),
});
export type ServiceAnnouncement = z.infer<typeof announcement>;
export const serviceDiscover = defineServiceSubject<ServiceDiscover, ServiceAnnouncement>({
  name: '*.discover',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'at start and after a reconnect; with a plan only its nodes answer',
  schema: discover,
  reply: announcement,
});
export const serviceAnnounce = defineServiceSubject<ServiceAnnouncement>({
  name: '*.announce',
  publishers: ['node'],
  listeners: ['gateway'],
  when: 'at start, every 30 s and when the capacity changed; forgotten after 300 s',
  schema: announcement,
});

/** Milliseconds the asker waits; the node keeps well below it. Absent from the originals. */
const time_limit_ms = z.int().positive().optional();
const provision = z.looseObject({
  plan: z.string().nullish(),
  version: z.string().nullish(),
  /** Given: make the instance with these (recovery, migration). */
  credentials: credentials.nullish(),
  time_limit_ms,
});
export type ServiceProvision = z.infer<typeof provision>;
export const serviceProvision = defineNodeSubject<ServiceProvision, ServiceCredentialsReply>({
  name: '*.provision.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'request: create an instance',
  schema: provision,
  reply: withCredentials,
});
const unprovision = z.looseObject({
  name: text,
  bindings: z.array(credentials).nullish(),
  time_limit_ms,
});
export type ServiceUnprovision = z.infer<typeof unprovision>;
export const serviceUnprovision = defineNodeSubject<ServiceUnprovision, ServiceSimpleReply>({
  name: '*.unprovision.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'request: delete an instance and its bindings',
  schema: unprovision,
  reply: simple,
});
const bind = z.looseObject({
  name: text,
  bind_opts: z.looseObject({}).nullish(),
  /** Given: make the binding with these; repeating that is harmless. */
  credentials: credentials.nullish(),
  time_limit_ms,
});
export type ServiceBind = z.infer<typeof bind>;
export const serviceBind = defineNodeSubject<ServiceBind, ServiceCredentialsReply>({
  name: '*.bind.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'request: create an account for an application',
  schema: bind,
  reply: withCredentials,
});
const unbind = z.looseObject({ credentials, time_limit_ms });
export type ServiceUnbind = z.infer<typeof unbind>;
export const serviceUnbind = defineNodeSubject<ServiceUnbind, ServiceSimpleReply>({
  name: '*.unbind.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'request: revoke an account',
  schema: unbind,
  reply: simple,
});
const restore = z.looseObject({ instance_id: text, backup_path: text, time_limit_ms });
export type ServiceRestore = z.infer<typeof restore>;
export const serviceRestore = defineNodeSubject<ServiceRestore, ServiceSimpleReply>({
  name: '*.restore.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: "request: replace an instance's data with a backup below the path",
  schema: restore,
  reply: simple,
});

const handles = z.tuple([handle, z.array(handle)]);
/** An instance with its bindings. */
export type ServiceInstanceHandles = z.infer<typeof handles>;
const migration = (verb: string, when: string) =>
  defineNodeSubject<ServiceInstanceHandles, ServiceSimpleReply>({
    name: `*.${verb}_instance.*`,
    publishers: ['gateway'],
    listeners: ['node'],
    when: `request: ${when}`,
    schema: handles,
    reply: simple,
  });
export const serviceDisableInstance = migration(
  'disable',
  'stop all access to an instance and dump its data',
);
export const serviceEnableInstance = migration('enable', 'give the access back');
export const serviceImportInstance = migration('import', 'make the instance here, with its dumped data');
export const serviceCleanupInstance = migration('cleanupnfs', 'delete the dump');
const updated = z.union([z.array(handle), failure]);
export type ServiceUpdateReply = z.infer<typeof updated>;
export const serviceUpdateInstance = defineNodeSubject<ServiceInstanceHandles, ServiceUpdateReply>({
  name: '*.update_instance.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'request: make the bindings here; answered with the changed handles',
  schema: handles,
  reply: updated,
});

export const serviceCheckOrphan = defineServiceSubject<unknown>({
  name: '*.check_orphan',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'asks for all handles; the body is free text',
  text: true,
  schema: z.unknown(),
});
const nodeHandles = z.looseObject({
  node_id: text,
  instances_list: z.array(z.string()),
  bindings_list: z.array(credentials),
});
export type ServiceNodeHandles = z.infer<typeof nodeHandles>;
export const serviceNodeHandles = defineServiceSubject<ServiceNodeHandles>({
  name: '*.node_handles',
  publishers: ['node'],
  listeners: ['gateway'],
  when: 'on check_orphan: what exists there, in messages below the size limit',
  schema: nodeHandles,
});
const purge = z.looseObject({
  orphan_ins_list: z.array(z.string()),
  orphan_binding_list: z.array(credentials),
});
export type ServicePurgeOrphan = z.infer<typeof purge>;
export const servicePurgeOrphan = defineNodeSubject<ServicePurgeOrphan>({
  name: '*.purge_orphan.*',
  publishers: ['gateway'],
  listeners: ['node'],
  when: 'an operator had the listed orphans deleted',
  schema: purge,
});
export const serviceHandles = defineServiceSubject<unknown, ServiceHandle[]>({
  name: '*.handles',
  publishers: ['tools'],
  listeners: ['gateway'],
  queue: 'gateways',
  when: "request: all handles, or with an instance's id as the body those of its bindings",
  text: true,
  schema: z.unknown(),
  reply: z.array(handle),
});
export const serviceUpdateHandle = defineServiceSubject<ServiceHandle, boolean>({
  name: '*.update_service_handle',
  publishers: ['node', 'tools'],
  listeners: ['gateway'],
  queue: 'gateways',
  when: 'request: have the cloud controller store a changed handle; true when it did',
  schema: handle,
  reply: z.boolean(),
});

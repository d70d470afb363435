export type { Logger } from 'pino';
export { Bus } from './bus.ts';
export type {
  BusOptions,
  HandlerContext,
  RequestOptions,
  StreamOptions,
  Subscription,
} from './bus-options.ts';
export { tlsOptionOf } from './bus-tls.ts';
export type { BusTls } from './bus-tls.ts';
export { diagnose } from './diagnose.ts';
export type { Role, Subject, SubjectFamily, SubjectInfo } from './subject.ts';
export type { NodeSubject, ServiceSubject } from './service-subject.ts';
export { childTrace, fromTraceparent, newTrace, toTraceparent } from './trace.ts';
export type { Trace } from './trace.ts';
export type { DeaInstanceState } from './messages/common.ts';
export * from './messages/component.ts';
export * from './messages/router.ts';
export * from './messages/dea.ts';
export * from './messages/health.ts';
export * from './messages/staging.ts';
export * from './messages/services.ts';
export * from './messages/tunnel.ts';
export { permissionsOf } from './permissions.ts';
export type { Permissions } from './permissions.ts';

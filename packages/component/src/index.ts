import { pino } from 'pino';
import type { Logger } from '@vcap/bus';

export type { Logger } from '@vcap/bus';
export { baseConfigShape, busTlsOf, checkLocalRoute, ConfigError, loadConfig } from './config.ts';
export type { BaseConfig } from './config.ts';
export type { Check } from './doctor/finding.ts';
export type { Member } from './group.ts';
export { startGroup, stopGroup } from './group.ts';
export { markModuleBoundary } from './module-boundary.ts';
export { ownAddress } from './own-address.ts';
export { packageFile } from './package-file.ts';
export { processStartTime } from './process-start-time.ts';
export { RouteRegistration } from './route-registration.ts';
export { runComponent } from './run.ts';
export type { ComponentContext, ComponentOptions } from './run.ts';
export { timeText, uptimeText } from './texts.ts';
/** A logger that says nothing, for tests. */
export const silentLogger: Logger = pino({ level: 'silent' });

export { buildDea } from './app.ts';
export { configSchema } from './config.ts';
export type { DeaConfig } from './config.ts';

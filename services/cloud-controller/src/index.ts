export { buildCloudController } from './app.ts';
export { configSchema } from './config.ts';
export type { Config } from './config.ts';

export { build } from './app.ts';
export { runCli } from './cli.ts';
export { configSchema } from './config.ts';
export type { Config } from './config.ts';

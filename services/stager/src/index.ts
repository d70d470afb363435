export { buildStager } from './app.ts';
export { stagerConfigSchema } from './config.ts';
export type { StagerConfig } from './config.ts';
export { plugins } from './plugins/index.ts';
export type { CompileContext, Compiled, Plugin } from './plugins/plugin.ts';

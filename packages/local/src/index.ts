export { LocalCluster } from './cluster.ts';
export { readOptions } from './options.ts';
export type { LocalOptions } from './options.ts';

export { configSchema } from './config.ts';
export type { Config } from './config.ts';
export { MysqlNode } from './mysql-node.ts';

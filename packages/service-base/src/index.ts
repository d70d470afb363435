export * from '@vcap/service-api';
export { gatewayConfigSchema, gatewayConfigShape, offeredServiceSchema } from './gateway/config.ts';
export type { GatewayConfig } from './gateway/config.ts';
export { nodeConfigShape } from './node/config.ts';
export type { NodeConfig } from './node/config.ts';
export { Node } from './node/node.ts';
export type { Registry } from './node/registry.ts';
export type { Binding, Instance, InstanceRef, InstanceRequest, JobWork, Work } from './node/types.ts';

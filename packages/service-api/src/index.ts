export * from './errors.ts';
export * from './handles.ts';
export * from './headers-and-paths.ts';
export * from './lifecycle.ts';
export * from './offering.ts';

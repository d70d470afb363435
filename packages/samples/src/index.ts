export { makeBigApp } from './big-app.ts';
export type { BigAppOptions } from './big-app.ts';
export { sampleNames, samplePath } from './sample-path.ts';
export type { SampleName } from './sample-path.ts';

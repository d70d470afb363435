import { z } from 'zod';
import { baseConfigShape } from '@vcap/component';
import { controllerConfigShape } from './config-shape.ts';

/** The whole configuration file: what every component has, and ours. */
export const configSchema = z.strictObject({ ...baseConfigShape, ...controllerConfigShape });

export type Config = z.output<typeof configSchema>;

import { nodeConfigShape } from '@vcap/service-base';
import { z } from 'zod';

/** The echo node's configuration file. */
export const echoConfigSchema = z.strictObject({
  ...nodeConfigShape,
  /** Holds the instances. */
  base_dir: z.string(),
  /** Where it listens. */
  port: z.int().min(0).max(65_535),
});

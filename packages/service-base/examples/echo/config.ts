import { nodeConfigShape } from '@vcap/service-base';
import { z } from 'zod';

/** The echo node's configuration file. */
export const echoConfigSchema = z.strictObject({
  ...nodeConfigShape,
  /** Holds the instances. */
  base_dir: z.string(),
});

/** A component that does nothing, for the tests of a component's life. */
import { z } from 'zod';
import { baseConfigShape, runComponent } from '../../src/index.ts';

await runComponent({
  type: 'Echo',
  name: 'echo',
  schema: z.strictObject({ ...baseConfigShape, fail: z.boolean().default(false) }),
  build: ({ config, varz, log }) => {
    varz.set('answer', () => 42);
    return [
      {
        name: 'echo',
        start: async () => {
          if (config.fail) throw new Error('no echo here');
        },
        drain: async () => log.info({ event: 'echo-drained' }),
        stop: async () => log.info({ event: 'echo-stopped' }),
      },
    ];
  },
});

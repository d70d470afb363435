import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** What operators run. */
export const deploy = join(root, 'deploy');
/** The command users type. */
export const vmcProgram = join(root, 'packages/vmc/bin/vmc');

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';

const faultNode = fileURLToPath(new URL('fault-node.ts', import.meta.url));

/**
 * Starts the node as a process of its own on a configuration, with the given variables: one that can be made to die,
 * unless another program is named.
 */
export async function startNode(
  dir: string,
  config: Record<string, unknown>,
  env: Record<string, string> = {},
  program = faultNode,
): Promise<RunningProcess> {
  const file = join(dir, 'mysql-node.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  return startProcess({
    argv: [process.execPath, '--conditions=source', program, '--config', file],
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
      // It is started many times over.
      NODE_COMPILE_CACHE: join(dir, 'compiled'),
      ...env,
    },
    readyWhen: '"event":"ready"',
    readyTimeoutMs: 60_000,
  });
}

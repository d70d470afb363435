import { startProcess, tempDir } from '@vcap/testkit';
import type { RunningProcess, TempDir } from '@vcap/testkit';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A router in a process of its own. */
export interface RouterProcess {
  readonly port: number;
  readonly healthPort: number;
  readonly process: RunningProcess;
  readonly dir: TempDir;
  accessLogPath: string;
  stop(): Promise<void>;
}

/** Starts one and waits until it lets visitors in, or until its log has this. */
export async function startRouterProcess(
  mbus: string,
  settings: Record<string, unknown> = {},
  env: NodeJS.ProcessEnv = {},
  readyWhen = '"ready"',
): Promise<RouterProcess> {
  const dir = await tempDir('router-process');
  const file = join(dir.path, 'router.yml');
  const accessLogPath = join(dir.path, 'access.log');
  const config = { mbus, ip: '127.0.0.1', port: 0, health_port: 0, access_log: accessLogPath, ...settings };
  await writeFile(file, stringify(config));
  const running = await startProcess({
    argv: [process.execPath, '--conditions=source', program, '--config', file],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    readyWhen,
    readyTimeoutMs: 30_000,
  });
  const port = Number(/"event":"listening","port":(\d+)/.exec(running.output())?.[1]);
  const healthPort = Number(/"event":"health-listening","port":(\d+)/.exec(running.output())?.[1] ?? 0);
  return {
    port,
    healthPort,
    process: running,
    dir,
    accessLogPath,
    async stop() {
      await running.kill();
      await dir.remove();
    },
  };
}

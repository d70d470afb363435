import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import { bundleHelper } from '../../src/helper/bundle.ts';

export const token = '0f8b6c1e-5a0d-4d6f-9c53-7d7e8a5b2f10';

export interface HelperProcess {
  port: number;
  url: string;
  process: RunningProcess;
  stop(): Promise<void>;
}

let bundled: ReturnType<typeof bundleHelper> | undefined;

/** Runs the bundle as a DEA does: its files in a folder of their own, nothing installed, the start script's command. */
export async function startHelper(env: NodeJS.ProcessEnv): Promise<HelperProcess> {
  bundled ??= bundleHelper();
  const dir = await tempDir('caldecott');
  try {
    for (const [name, text] of Object.entries((await bundled).files))
      await writeFile(join(dir.path, name), text);
    const process = await startProcess({
      argv: [globalThis.process.execPath, 'server.js'],
      cwd: dir.path,
      env: { PORT: '0', ...env },
      readyWhen: '"event":"ready"',
    });
    const port = Number(/"port":(\d+)/.exec(await waitFor(() => process.output()))?.[1]);
    const stop = async (): Promise<void> => {
      await process.stop();
      await dir.remove();
    };
    return { port, url: `http://127.0.0.1:${port}`, process, stop };
  } catch (error) {
    await dir.remove();
    throw error;
  }
}

/** The environment of a helper that one service is bound to. */
export function bindingEnv(port: number): NodeJS.ProcessEnv {
  const credentials = {
    host: '127.0.0.1',
    hostname: '127.0.0.1',
    port,
    user: 'u1',
    password: 'p1',
    name: 'd1',
  };
  return {
    CALDECOTT_AUTH: token,
    VCAP_SERVICES: JSON.stringify({ 'mysql-5.1': [{ name: 'db1', label: 'mysql-5.1', credentials }] }),
  };
}

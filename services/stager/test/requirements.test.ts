import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startNats, tempDir } from '@vcap/testkit';
import { startController } from './support/controller.ts';
import { startDroplet, unpackDroplet } from './support/droplet.ts';
import { startMessage, startStager } from './support/stager.ts';
import { zipDirectory, zipEntries } from './support/zips.ts';

const WSGI = `import tiny

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [tiny.NAME.encode("ascii")]
`;

/** A wheel that pip installs without asking any index. */
const makeWheel = (path: string): Promise<void> =>
  zipEntries(path, [
    { name: 'tiny.py', text: 'NAME = "tiny package"\n' },
    { name: 'tiny-1.0.dist-info/METADATA', text: 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n' },
    {
      name: 'tiny-1.0.dist-info/WHEEL',
      text: 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    },
    { name: 'tiny-1.0.dist-info/RECORD', text: 'tiny.py,,\ntiny-1.0.dist-info/RECORD,,\n' },
  ]);

test('pip puts requirements into the droplet, where the app finds them', async () => {
  const dir = await tempDir('requirements');
  await chmod(dir.path, 0o711);
  const nats = await startNats();
  const controller = await startController(dir.path);
  const stager = await startStager({ natsUrl: nats.url, dir: dir.path });
  try {
    const source = join(dir.path, 'source');
    await mkdir(source);
    await makeWheel(join(source, 'tiny-1.0-py3-none-any.whl'));
    await writeFile(join(source, 'requirements.txt'), './tiny-1.0-py3-none-any.whl\n');
    await writeFile(join(source, 'wsgi.py'), WSGI);
    controller.zip = join(dir.path, 'app.zip');
    await zipDirectory(source, controller.zip);
    const reply = await stager.stage(startMessage(controller, { framework: 'wsgi' })).done;
    expect({ error: reply.error, log: reply.error && reply.task_log }).toEqual({ error: null, log: null });
    const droplet = join(dir.path, 'droplet');
    const { startCommand } = await unpackDroplet(controller.uploads[0]?.path ?? '', droplet);
    const app = await startDroplet(droplet, startCommand);
    try {
      expect(await (await fetch(app.url)).text()).toBe('tiny package');
    } finally {
      await app.stop();
    }
  } finally {
    await stager.stop();
    await controller.stop();
    await nats.stop();
    await dir.remove();
  }
});

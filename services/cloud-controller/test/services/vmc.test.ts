import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runVmc, systemClock } from '@vcap/vmc';
import { ServiceCloud } from '../support/service-cloud.ts';

/** The command line that users type, against this controller and a real gateway. */
let cloud: ServiceCloud;
let home: string;
beforeAll(async () => {
  cloud = await ServiceCloud.start('sqlite');
  await cloud.offer();
  home = join(cloud.cloud.dir.path, 'home');
  await mkdir(join(home, 'app'), { recursive: true });
  await writeFile(join(home, 'app', 'server.js'), '// an application');
  await cloud.user();
  cloud.cloud.world.running = 1;
  await vmc(['target', cloud.controller.url]);
  await vmc(['login', 'user1@test.dev', '--passwd', 'secret']);
}, 60_000);
afterAll(() => cloud.stop());

async function vmc(words: string[], input?: string): Promise<{ status: number; out: string; err: string }> {
  const result = { out: '', err: '' };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stdout.on('data', (chunk: Buffer) => (result.out += chunk.toString()));
  stderr.on('data', (chunk: Buffer) => (result.err += chunk.toString()));
  const status = await runVmc(words, {
    env: { HOME: home },
    cwd: join(home, 'app'),
    stdin: Readable.from(input === undefined ? [] : [input]),
    stdout,
    stderr,
    clock: systemClock,
  });
  await new Promise((resolve) => setImmediate(resolve));
  return { status, ...result };
}
const bound = async (app: string) => {
  const { out } = await vmc(['apps', '--json']);
  return (JSON.parse(out) as { name: string; services: string[] }[]).find(({ name }) => name === app)
    ?.services;
};

test('services are created, bound, cloned, unbound and deleted', async () => {
  expect((await vmc(['create-service', 'echo', 'db1'])).status).toBe(0);
  expect((await vmc(['create-service', 'echo-1.0', 'db2', '--plan', 'standard'])).status).toBe(0);
  const wrong = await vmc(['create-service', 'echo', 'db3', '--plan', 'gold']);
  expect([wrong.status, wrong.err]).toEqual([
    1,
    expect.stringMatching(/no plan gold; it has free, standard/),
  ]);
  const { out } = await vmc(['services']);
  expect(out).toMatch(/echo\s+\| 1\.0\s+\| free, standard\s+\| Says it again/);
  expect(out).toMatch(/db2\s+\| echo\s+\| 1\.0\s+\| standard/);
  for (const name of ['one', 'two']) {
    const answers = `y\n${name}\ny\nnone\n\n\nn\nn\n`;
    expect(await vmc(['push', '--no-start'], answers)).toMatchObject({ status: 0, err: '' });
  }
  expect((await vmc(['bind-service', 'db1', 'one'])).status).toBe(0);
  expect((await vmc(['bind-service', 'db2', 'one'])).status).toBe(0);
  expect(await bound('one')).toEqual(['db1', 'db2']);
  expect((await vmc(['bind-service', 'nothing', 'one'])).err).toMatch(/Error 500: Service not found/);
  expect((await vmc(['clone-services', 'one', 'two'])).status).toBe(0);
  expect(await bound('two')).toEqual(['db1', 'db2']);
  expect((await vmc(['unbind-service', 'db1', 'two'])).status).toBe(0);
  expect(await bound('two')).toEqual(['db2']);
  expect((await vmc(['delete-service', 'db2'])).status).toBe(0);
  expect(await bound('two')).toEqual([]);
  expect(await bound('one')).toEqual(['db1']);
});

test('push asks for existing and new services, and binds them', async () => {
  await vmc(['create-service', 'echo', 'old']);
  const answers = 'y\nasked\ny\nnone\n\n\ny\nold\nn\ny\necho\nfresh\nn\n';
  const pushed = await vmc(['push'], answers);
  expect(pushed).toMatchObject({ status: 0, err: '' });
  expect(pushed.out).toMatch(/Creating Service \[fresh\]: OK/);
  expect(await bound('asked')).toEqual(['fresh', 'old']);
});

test('push takes services from a manifest', async () => {
  const manifest = 'name: listed\nurl: none\nservices:\n  mine:\n    type: echo\n';
  await writeFile(join(home, 'app', 'listed.yml'), manifest);
  expect(await vmc(['push', '-n', '--no-start', '-m', 'listed.yml'])).toMatchObject({ status: 0, err: '' });
  expect(await bound('listed')).toEqual(['mine']);
});

test('snapshots are taken, listed, gone back to and deleted', async () => {
  await vmc(['create-service', 'echo', 'snap']);
  expect((await vmc(['snapshots', 'snap'])).out).toMatch(/There are no snapshots of 'snap'/);
  const made = await vmc(['create-snapshot', 'snap', '--json']);
  expect(made.status).toBe(0);
  const { snapshot_id: id } = JSON.parse(made.out) as { snapshot_id: string };
  expect((await vmc(['snapshots', 'snap'])).out).toMatch(
    new RegExp(`${id}\\s+\\| 2013-01-01\\s+\\| 5B\\s+\\| first`),
  );
  const no = await vmc(['rollback-snapshot', 'snap', id], 'n\n');
  expect([no.status, no.err]).toEqual([1, expect.stringMatching(/Nothing was changed/)]);
  expect((await vmc(['rollback-snapshot', 'snap', id], 'y\n')).out).toMatch(/back to snapshot 1: OK/);
  const second = await vmc(['create-snapshot', 'snap']);
  expect(second.out).toMatch(/Snapshot 2/);
  const failed = await vmc(['rollback-snapshot', 'snap', '2', '-n']);
  expect([failed.status, failed.err]).toEqual([1, expect.stringMatching(/no good/)]);
  expect((await vmc(['rollback-snapshot', 'snap', '9', '-n'])).err).toMatch(/Error 30300: not found/);
  expect((await vmc(['delete-snapshot', 'snap', '2', '-n'])).status).toBe(0);
});

test('data are exported to a file, and imported from a file and a URL', async () => {
  const file = join(home, 'data.zip');
  const exported = await vmc(['export-service', 'snap', '--path', file]);
  expect(exported).toMatchObject({ status: 0, err: '' });
  expect(await readFile(file, 'utf8')).toBe('the data');
  const url = (await vmc(['export-service', 'snap', '1'])).out;
  expect(url).toMatch(/http:\/\/127\.0\.0\.1:\d+\/_file/);
  const imported = await vmc(['import-service', 'snap', file], 'n\n');
  expect(imported.out).toMatch(/Load it with `vmc rollback-snapshot snap \d+`/);
  expect((await vmc(['import-service', 'snap', 'http://files.test/1', '-n'])).status).toBe(0);
  expect((await cloud.gateway.state()).imported).toEqual([
    { data: Buffer.from('the data').toString('base64') },
    { url: 'http://files.test/1' },
  ]);
  expect((await vmc(['import-service', 'snap', '/no/such/file'])).err).toMatch(/cannot be read/);
});

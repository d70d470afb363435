import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { containerSnapshotSchema } from '../src/index.ts';
import type { Container, Isolation } from '../src/index.ts';
import { Bench, ask, open, runcMissing, spawnIn } from './support/backends.ts';

/** What callers may rely on, whichever back-end they have. */
describe.each(['process', 'runc'] as const)('a container of the %s back-end', (isolation) => {
  const suite = isolation === 'runc' && runcMissing !== undefined ? describe.skip : describe;
  suite('keeps the promises of the interface:', () => conformance(isolation));
});

function conformance(isolation: Isolation): void {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.start(open[isolation]);
  });
  afterEach(() => bench.clear());
  afterAll(() => bench.stop());

  const out = (container: Container): Promise<string> =>
    readFile(join(container.snapshot().spec.rootDir, 'logs/out'), 'utf8');
  const said = (container: Container, text: string): Promise<true> =>
    waitFor(async () => (await out(container)).includes(text) && (true as const));
  const again = (container: Container) =>
    containerSnapshotSchema.parse(JSON.parse(JSON.stringify(container.snapshot())));

  test('passes environment and arguments untouched and reports the exit status', async () => {
    const container = await bench.run('echo "$GREETING"; ulimit -n; pwd; exit 7');
    expect(await container.wait()).toEqual({ exitStatus: 7, reason: 'exited' });
    expect(await out(container)).toBe(`it's "quoted" $HOME\n256\n${container.appPath('app')}\n`);
    expect(container.info().isolation).toBe(isolation);
  });

  test('reports 128 + the signal of an application that a signal killed', async () => {
    const container = await bench.run('kill -KILL $$');
    expect(await container.wait()).toEqual({ exitStatus: 137, reason: 'exited' });
  });

  test('reports a program that is not there as a shell does', async () => {
    const container = await bench.run('exec /no/such/program');
    expect((await container.wait()).exitStatus).toBe(127);
  });

  test('stops on TERM without KILL', async () => {
    const container = await bench.run('trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done');
    await said(container, 'ready');
    expect(await container.stop(5000)).toEqual({ killed: false });
    expect((await container.wait()).exitStatus).toBe(3);
  });

  test('kills one that ignores TERM after the grace and says so', async () => {
    const container = await bench.run('trap "" TERM; echo ready; while :; do sleep 0.05; done');
    await said(container, 'ready');
    expect(await container.stop(200)).toEqual({ killed: true });
    expect((await container.wait()).exitStatus).toBe(137);
  });

  test('takes along children, also those that left its session, when the application ends', async () => {
    const container = await bench.run('setsid sleep 1001 & sleep 1002 & echo started; exit 0');
    await container.wait();
    expect(await noneRuns('sleep 1001')).toBe(true);
    expect(await noneRuns('sleep 1002')).toBe(true);
  });

  test('ends one that takes more memory than its limit, and says why', async () => {
    const eat = `exec $NODE -e 'global.b=Buffer.alloc(3e8,1);setInterval(()=>{},1e3)'`;
    const container = await bench.run(eat, { memoryMb: 150 });
    expect(await container.wait()).toEqual({ exitStatus: 137, reason: 'out of memory' });
  });

  test('measures memory, processor, disk and processes', async () => {
    const container = await bench.run('head -c 3000000 /dev/zero >big; echo ready; while :; do :; done');
    await said(container, 'ready');
    await waitFor(async () => (await container.measure()).cpuFraction > 0.2);
    const info = await container.measure();
    expect(info.memBytes).toBeGreaterThan(200_000);
    expect(info.diskBytes).toBeGreaterThanOrEqual(3_000_000);
    expect(info.diskBytes).toBeLessThan(4_000_000);
    expect(info.inodes).toBeGreaterThan(2);
    expect(info.pids).toBeGreaterThanOrEqual(1);
    expect(info.cpuNanoseconds).toBeGreaterThan(0);
  });

  test('runs commands before and beside the application, and tells of their output and status', async () => {
    const container = await bench.create();
    expect(await ask(container, 'echo one; echo two >&2; pwd; exit 4')).toMatchObject({ status: 4 });
    await spawnIn(container, 'echo app >mine; echo ready; exec sleep 1003');
    await said(container, 'ready');
    expect((await ask(container, 'cat mine')).text).toBe('app\n');
  });

  test('kills a command that is aborted', async () => {
    const container = await bench.create();
    const abort = new AbortController();
    const running = container.run({
      argv: ['bash', '-c', 'echo on; exec sleep 1004'],
      cwd: '.',
      env: { PATH: '/usr/bin:/bin' },
      signal: abort.signal,
      onOutput: () => abort.abort(new Error('enough')),
    });
    await expect(running).rejects.toThrow('enough');
    expect(await noneRuns('sleep 1004')).toBe(true);
  });

  test('streams what the application writes, to its end, and goes on from an offset', async () => {
    const container = await bench.run('echo one; echo bad >&2; sleep 0.2; echo two; sleep 0.2; echo three');
    const chunks: string[] = [];
    for await (const { data, source } of container.output())
      chunks.push(`${source}:${data.toString('utf8')}`);
    const joined = chunks.join('');
    expect(joined).toContain('stderr:bad\n');
    expect(joined.replace('stderr:bad\n', '').replaceAll('stdout:', '')).toBe('one\ntwo\nthree\n');
    let rest = '';
    for await (const { data, source } of container.output({ from: { stdout: 'one\n'.length } }))
      if (source === 'stdout') rest += data.toString('utf8');
    expect(rest).toBe('two\nthree\n');
  });

  test('is adopted by another warden, which streams its output and learns its status', async () => {
    const container = await bench.run(
      'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await said(container, 'ready');
    const second = await bench.reopen();
    const adopted = await second.adopt(again(container));
    if (adopted === undefined) throw new Error('not adopted');
    bench.keep(adopted);
    expect(await second.destroyOrphans()).toEqual([]);
    const reading = (async () => {
      let text = '';
      for await (const { data, source } of adopted.output())
        if (source === 'stdout') text += data.toString('utf8');
      return text;
    })();
    expect(await adopted.stop(5000)).toEqual({ killed: false });
    expect(await adopted.wait()).toEqual({ exitStatus: 5, reason: 'exited' });
    expect(await reading).toBe('ready\nbye\n');
  });

  test('leaves status and output to a warden that comes after its end', async () => {
    const container = await bench.run('echo done; exit 6');
    await container.wait();
    const adopted = await (await bench.reopen()).adopt(again(container));
    expect(await adopted?.wait()).toEqual({ exitStatus: 6, reason: 'exited' });
    let text = '';
    for await (const { data } of adopted?.output() ?? []) text += data.toString('utf8');
    expect(text).toBe('done\n');
    await adopted?.destroy();
  });

  test('is destroyed as an orphan by a warden that does not adopt it', async () => {
    const container = await bench.run('exec sleep 1005');
    expect(await (await bench.reopen()).destroyOrphans()).toEqual([container.handle]);
    expect(await noneRuns('sleep 1005')).toBe(true);
  });

  test('keeps the files of one that is destroyed so, until it is destroyed without', async () => {
    const container = await bench.run('echo last words; exit 1');
    await container.wait();
    await container.destroy({ keepFiles: true });
    expect(await out(container)).toBe('last words\n');
    const second = await bench.reopen();
    if (isolation === 'runc') bench.keep((await second.adopt(again(container))) as Container);
    await second.destroyOrphans();
    expect(await out(container)).toBe('last words\n');
  });

  test('unpacks a droplet and passes on the complaint about a broken one', async () => {
    const container = await bench.create();
    await writeFile(join(bench.dir.path, 'broken.tgz'), 'not gzip');
    await expect(container.unpack(join(bench.dir.path, 'broken.tgz'))).rejects.toThrow(/gzip|tar/);
    const other = await bench.create();
    await ask(other, 'mkdir -p /tmp/d/app; echo hello >/tmp/d/app/file; tar -czf x.tgz -C /tmp/d app');
    await other.copyOut('app/x.tgz', join(bench.dir.path, 'good.tgz'));
    await container.unpack(join(bench.dir.path, 'good.tgz'));
    expect((await ask(container, 'cat file; test -w file && echo mine')).text).toBe('hello\nmine\n');
  });

  test('copies in and out, files and directories', async () => {
    const container = await bench.create();
    const source = join(bench.dir.path, 'source');
    await mkdir(join(source, 'deep'), { recursive: true });
    await writeFile(join(source, 'deep/file'), 'text');
    await container.copyIn(source, 'app/copy');
    expect((await ask(container, 'cat copy/deep/file; echo more >>copy/deep/file')).text).toBe('text');
    const target = join(bench.dir.path, 'target');
    await container.copyOut('app/copy', target);
    expect(await readFile(join(target, 'deep/file'), 'utf8')).toBe('textmore\n');
    await expect(container.copyOut('app/copy', target)).rejects.toThrow('EEXIST');
    await expect(container.copyOut('../../etc', join(bench.dir.path, 'x'))).rejects.toThrow('leads out');
  });

  test('is not tricked by links when files are copied', async () => {
    const container = await bench.create();
    const secret = join(bench.dir.path, 'secret');
    await mkdir(secret);
    await writeFile(join(secret, 'key'), 'secret');
    const { rootDir } = container.snapshot().spec;
    await symlink(secret, join(rootDir, 'app/link'));
    await symlink(join(secret, 'key'), join(rootDir, 'app/file'));
    await symlink('../../../../etc', join(rootDir, 'app/up'));
    await symlink('plain', join(rootDir, 'app/inside'));
    const outside = join(bench.dir.path, 'outside');
    await expect(container.copyOut('app/link/key', outside)).rejects.toThrow(/ELOOP|ENOTDIR/);
    await expect(container.copyOut('app/file', outside)).rejects.toThrow('neither');
    await container.copyOut('app', outside);
    expect(await readdir(outside)).toEqual(['inside']);
    await writeFile(join(bench.dir.path, 'evil'), 'evil');
    await expect(container.copyIn(join(bench.dir.path, 'evil'), 'app/link/key')).rejects.toThrow(
      /ELOOP|ENOTDIR/,
    );
    await container.copyIn(join(bench.dir.path, 'evil'), 'app/file');
    expect(await readFile(join(secret, 'key'), 'utf8')).toBe('secret');
  });

  test('refuses a second application, a handle that could be a path, and one that is taken', async () => {
    const container = await bench.run('exec sleep 1006');
    await expect(spawnIn(container, 'true')).rejects.toThrow('already');
    const spec = container.snapshot().spec;
    await expect(bench.warden.create({ ...spec, handle: '../x' })).rejects.toThrow('not a container handle');
    await expect(bench.warden.create(spec)).rejects.toThrow('exists already');
  });
}

/** Waits until no process of the machine has this command line. */
async function noneRuns(command: string): Promise<true> {
  return waitFor(async () => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''));
    const running = (await Promise.all(lines)).map((line) => line.split('\0').join(' ').trim());
    return !running.includes(command) && (true as const);
  });
}

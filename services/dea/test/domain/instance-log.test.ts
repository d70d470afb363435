import {
  appendFile,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { InstanceLog } from '../../src/logs/instance-log.ts';
import type { LogRecord } from '../../src/logs/record.ts';

const LOOK = 1024 * 1024;
let dir: TempDir;
let clock: FakeClock;
let out: string;
let log: InstanceLog;
const limits = { linesPerSecond: 100, bytesPerSecond: 100_000, burstLines: 1000, burstBytes: 1_000_000 };

beforeEach(async () => {
  dir = await tempDir('dea-log');
  clock = new FakeClock();
  await mkdir(join(dir.path, 'i/logs'), { recursive: true });
  out = join(dir.path, 'i/logs/stdout.log');
  await writeFile(out, '');
  await writeFile(join(dir.path, 'i/logs/stderr.log'), '');
  log = await opened();
});
afterEach(async () => {
  await log.close();
  await dir.remove();
});

async function opened(options: { fileBytes?: number; keepBytes?: number } = {}): Promise<InstanceLog> {
  const made = new InstanceLog(
    { clock, fileBytes: 100_000, keepBytes: 1_000_000, limits, ...options },
    join(dir.path, 'spool'),
  );
  await made.open();
  made.follow(join(dir.path, 'i'));
  return made;
}
const all = async (after = 0): Promise<LogRecord[]> => (await log.read(after, 1e6, 1e9)).records;
const texts = async (): Promise<string[]> => (await all()).map(({ source, text }) => `${source}: ${text}`);
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join('');

describe('the log of an instance', () => {
  test('numbers lines of both files and of the DEA, with time and source', async () => {
    await log.note('starting');
    await appendFile(out, 'one\ntwo\n');
    await appendFile(join(dir.path, 'i/logs/stderr.log'), 'oops\n');
    await log.pump(LOOK);
    expect(await texts()).toEqual(['dea: starting', 'stdout: one', 'stdout: two', 'stderr: oops']);
    expect((await all()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect((await all())[0]?.time).toBe(clock.now() / 1000);
    expect((await all(2)).map(({ text }) => text)).toEqual(['two', 'oops']);
  });

  test('tells a line without end once it stays so, and the last one at the end', async () => {
    await appendFile(out, 'name? ');
    await log.pump(LOOK);
    expect(await texts()).toEqual([]);
    await clock.advance(1000);
    await log.pump(LOOK);
    await appendFile(out, 'bye');
    await log.finish('crashed: status 1');
    expect(await texts()).toEqual(['stdout: name? ', 'stdout: bye', 'dea: crashed: status 1']);
    expect(log.ended).toBe(true);
  });

  test('goes on where a killed DEA stopped: nothing twice, nothing missing, numbers go on', async () => {
    await appendFile(out, 'a\nb\nhalf');
    await log.pump(LOOK);
    const successor = await opened(); // the first one is just not asked any more
    await appendFile(out, ' a line\nc\n');
    await successor.pump(LOOK);
    const { records } = await successor.read(0, 100, 1e6);
    expect(records.map(({ seq, text }) => `${seq} ${text}`)).toEqual(['1 a', '2 b', '3 half a line', '4 c']);
    await successor.close();
  });

  test('mends a line of which a killed DEA wrote the half', async () => {
    await appendFile(out, 'a\nb\n');
    await log.pump(LOOK);
    const spool = join(dir.path, 'spool/current.ndjson');
    await truncate(spool, (await stat(spool)).size - 5);
    const successor = await opened();
    await successor.pump(LOOK);
    const { records } = await successor.read(0, 100, 1e6);
    expect(records.map(({ seq, text }) => `${seq} ${text}`)).toEqual(['1 a', '2 b']);
    await successor.close();
  });

  test('says how many lines a limit left out, of every kind of flood', async () => {
    await appendFile(out, numbered(0, 5000));
    await log.pump(LOOK);
    await clock.advance(1000);
    await log.pump(LOOK);
    await appendFile(out, 'after\n');
    await log.pump(LOOK);
    const records = await all();
    const lines = records.filter(({ source }) => source === 'stdout');
    const dropped = records.reduce((sum, record) => sum + (record.dropped ?? 0), 0);
    expect(lines.length + dropped).toBe(5001);
    expect(lines.at(-1)?.text).toBe('after');
    expect(records.find((record) => record.dropped)?.text).toContain('4000 lines of stdout');
  });

  test('jumps over what it can never read in time and says about how much', async () => {
    await appendFile(out, numbered(0, 100));
    await log.pump(LOOK);
    await appendFile(out, Buffer.alloc(20 * LOOK, 'x'.repeat(99).concat('\n')));
    for (let looks = 0; looks < 5; looks += 1) {
      await clock.advance(10_000);
      await log.pump(LOOK);
    }
    await appendFile(out, 'the end\n');
    await log.pump(LOOK);
    const records = await all();
    expect(records.at(-1)?.text).toBe('the end');
    expect(records.find(({ text }) => text.startsWith('about '))?.dropped).toBeGreaterThan(100_000);
  });

  test('keeps the file within its size without losing a line, and an older part beside it', async () => {
    await log.close();
    log = await opened({ fileBytes: 20_000 });
    for (let round = 0; round < 20; round += 1) {
      await appendFile(out, numbered(round * 500, (round + 1) * 500));
      await log.pump(LOOK);
      await clock.advance(10_000);
    }
    expect((await stat(out)).size).toBeLessThan(30_000);
    expect((await stat(`${out}.1`)).size).toBeGreaterThan(10_000);
    const lines = (await all()).filter(({ source }) => source === 'stdout').map(({ text }) => text);
    expect(lines).toEqual(numbered(0, 10_000).trim().split('\n'));
    const successor = await opened();
    await appendFile(out, 'one more\n');
    await successor.pump(LOOK);
    expect((await successor.read(10_000, 100, 1e6)).records.map(({ text }) => text)).toEqual(['one more']);
    await successor.close();
  });

  test('keeps so many bytes of lines and says from where on', async () => {
    await log.close();
    log = await opened({ keepBytes: 100_000 });
    for (let round = 0; round < 20; round += 1) {
      await appendFile(out, numbered(round * 500, (round + 1) * 500));
      await log.pump(LOOK);
      await clock.advance(10_000);
    }
    const page = await log.read(0, 1e6, 1e9);
    expect(page.lastSeq).toBe(10_000);
    expect(page.oldestSeq).toBeGreaterThan(1000);
    expect(page.records[0]?.seq).toBe(page.oldestSeq);
    expect(page.records.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 10_001 - page.oldestSeq }, (_, index) => page.oldestSeq + index),
    );
    expect((await stat(join(dir.path, 'spool/current.ndjson'))).size).toBeLessThan(51_000);
    // In pages, too, over the border of the two files.
    const seqs: number[] = [];
    for (let after = 0; seqs.at(-1) !== 10_000;) {
      const { records } = await log.read(after, 700, 5000);
      seqs.push(...records.map(({ seq }) => seq));
      after = seqs.at(-1) ?? 0;
    }
    expect(seqs).toEqual(page.records.map(({ seq }) => seq));
  });

  test('follows no link and waits for no pipe that the application puts in its way', async () => {
    await log.close();
    await writeFile(join(dir.path, 'secret'), 'secret\n');
    await rm(out);
    await symlink(join(dir.path, 'secret'), out);
    log = await opened();
    await log.pump(LOOK);
    expect(await texts()).toEqual([]);
    await log.close();
    await rename(join(dir.path, 'i/logs'), join(dir.path, 'elsewhere'));
    await symlink(join(dir.path, 'elsewhere'), join(dir.path, 'i/logs'));
    log = await opened();
    await log.pump(LOOK);
    expect(await texts()).toEqual([]);
    expect(await readFile(join(dir.path, 'secret'), 'utf8')).toBe('secret\n');
  });

  test('wakes those who wait for more', async () => {
    const waiting = log.waitFor(0, 1e9, new AbortController().signal);
    await appendFile(out, 'news\n');
    await log.pump(LOOK);
    await waiting;
    const last = log.waitFor(1, 1e9, new AbortController().signal);
    await log.finish('stopped');
    await last;
    expect(await texts()).toEqual(['stdout: news', 'dea: stopped']);
  });
});

import { describe, expect, test } from '@jest/globals';
import { commands, findCommand } from '../src/cli/commands.ts';
import { parseCommandLine } from '../src/cli/flags.ts';
import { UsageError } from '../src/errors.ts';

describe('command line', () => {
  test.each([
    [
      ['instances', 'app', '-1'],
      ['app', '-1'],
    ],
    [
      ['instances', 'app', '+2', '--json'],
      ['app', '+2'],
    ],
    [
      ['-n', 'instances', '-12', 'app'],
      ['-12', 'app'],
    ],
  ])('reads numbers with a sign as arguments: %j', (words, args) => {
    expect(parseCommandLine(words)).toMatchObject({ command: 'instances', args });
  });

  test('takes flags anywhere, with = or a word, and --url several times', () => {
    const line = parseCommandLine([
      '--mem=1G',
      'push',
      '--url',
      'a.x',
      'foo',
      '--url',
      'b.x',
      '--no-start',
      '-u',
      'ann@x',
    ]);
    expect(line).toEqual({
      command: 'push',
      commandIndex: 1,
      args: ['foo'],
      flags: { mem: '1G', url: ['a.x', 'b.x'], noStart: true, proxy: 'ann@x' },
    });
  });

  test('does not let -t swallow the command, but takes a key and a debug mode', () => {
    expect(parseCommandLine(['-t', 'info'])).toMatchObject({ command: 'info', flags: { trace: '22' } });
    expect(parseCommandLine(['--trace=k', 'info']).flags.trace).toBe('k');
    expect(parseCommandLine(['start', 'a', '-d', 'suspend'])).toMatchObject({
      args: ['a'],
      flags: { debug: 'suspend' },
    });
    expect(parseCommandLine(['start', '-d', 'a'])).toMatchObject({ args: ['a'], flags: { debug: 'run' } });
  });

  test.each([[['apps', '--nope']], [['push', '--mem']], [['apps', '--json=1']]])('refuses %j', (words) => {
    expect(() => parseCommandLine(words)).toThrow(UsageError);
  });

  test('every command can be loaded, and each name stands for one command', async () => {
    const names = commands.flatMap((spec) => [spec.name, ...spec.aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const spec of commands) expect(typeof (await spec.load())).toBe('function');
    expect(findCommand('scale')?.name).toBe('instances');
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { clientsFor, fillClient, splitWords } from '../src/tunnel/clients.ts';
import { accessOf } from '../src/tunnel/credentials.ts';
import { folder } from './support/temp.ts';

describe('clients', () => {
  const access = accessOf('mysql', {
    host: 'h',
    port: '3306',
    user: 'u',
    password: 'p',
    name: 'd',
    extra: 'x y',
  });

  test('credentials of all vendors come to one form', () => {
    expect(accessOf('rabbitmq', { url: 'amqp://u:p%40@h:5672/v' })).toMatchObject({
      host: 'h',
      port: 5672,
      user: 'u',
      password: 'p@',
      fields: { vhost: 'v' },
    });
    expect(accessOf('mongodb', { host: 'h', port: 1, name: 'n', db: 'db' }).name).toBe('db');
    expect(accessOf('redis', { host: 'h', port: 1, name: 'n' }).name).toBeUndefined();
    expect(() => accessOf('filesystem', { internal: {} })).toThrow(/no host and port/);
  });

  test('the user’s own come over the stock ones; nothing is a shell’s', async () => {
    const home = await folder({});
    const file = join(home, '.vmc_clients');
    await writeFile(
      file,
      'mysql:\n  mysql: mycli "-D ${name}" ${extra} ${ask Colour}\n  gui: {command: gui, environment: ["PW=${password}"]}\n',
    );
    const clients = clientsFor('mysql', file);
    expect(Object.keys(clients)).toEqual(['mysql', 'mysqldump', 'gui']);
    const ask = async (question: string) => `<${question}>`;
    expect(await fillClient(clients['mysql']!, access, 10_000, ask)).toEqual({
      argv: ['mycli', '-D d', 'x y', '<Colour>'],
      env: {},
    });
    expect((await fillClient(clients['gui']!, access, 10_000, ask)).env).toEqual({ PW: 'p' });
    expect((await fillClient(clients['mysqldump']!, access, 1, ask)).argv).toContain(
      '--result-file=<Output file>',
    );
    expect(() => splitWords('mysqldump ${name} > file')).toThrow(/needs a shell/);
    expect(clientsFor('constructor', join(home, 'none'))).toEqual({});
  });
});

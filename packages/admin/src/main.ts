import { Command } from 'commander';
import { backup, restore } from './backup.ts';
import { placesOf } from './places.ts';

interface Options {
  controller?: string;
  mysqlNode: string[];
  broker?: string;
  gateway?: string;
  dumpProgram: string;
  clientProgram: string;
  force?: boolean;
}

const collect = (file: string, all: string[]): string[] => [...all, file];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const places = (options: Options) =>
  placesOf(
    {
      controller: options.controller,
      nodes: options.mysqlNode,
      broker: options.broker,
      gateway: options.gateway,
      dump: options.dumpProgram,
      client: options.clientProgram,
    },
    process.env,
  );

const withFiles = (command: Command): Command =>
  command
    .argument('<dir>', 'directory of the backup')
    .option('--controller <file>', "a cloud controller's configuration: its database and blobs")
    .option('--mysql-node <file>', "a MySQL node's: its registry and servers; may be repeated", collect, [])
    .option('--broker <file>', "the service broker's: its registrations")
    .option('--gateway <file>', "a gateway's: snapshots")
    .option('--dump-program <name>', 'for a controller whose database is on a server', 'mariadb-dump')
    .option('--client-program <name>', 'the same', 'mariadb');

const program = new Command('vmc-admin').description('Backup and restore of what a platform keeps');
withFiles(program.command('backup').description('save it while it runs')).action(
  async (dir: string, options: Options) => {
    await backup(places(options), dir, new Date(), say);
  },
);
withFiles(program.command('restore').description('put it back; the components must be stopped'))
  .option('--force', 'replace what is there')
  .action(async (dir: string, options: Options) => {
    await restore(places(options), dir, options.force ?? false, say);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`vmc-admin: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

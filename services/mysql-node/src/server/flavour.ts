import { sql } from '../sql/quote.ts';
import type { Statement } from '../sql/quote.ts';

/** All that differs between MariaDB (10.5 or later) and MySQL (8 or later); everything else is the same SQL. */
export interface Flavour {
  name: 'mariadb' | 'mysql';
  /** As the server says it. */
  version: string;
  /** First statements of each management connection. */
  setUp: Statement[];
  /** `db`, `bytes`: what InnoDB's own files take, which is true at once, unlike its statistics. */
  fileSizes: Statement;
  /** `db`: schemas with tables inside the shared system tablespace, where `fileSizes` does not see them. */
  sharedSpaceSchemas: Statement;
  /** Error numbers of a login that failed only because the account is locked. */
  lockedErrors: number[];
  /** State of a session whose statement waits for its client to read. */
  sendingState: string;
}

const commonSetUp = [
  // A DDL statement that waits for a tenant's transaction must fail before the operation's time is over.
  sql`SET SESSION lock_wait_timeout = 5`,
  sql`SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'`,
];

const mariadb = (version: string): Flavour => ({
  name: 'mariadb',
  version,
  setUp: commonSetUp,
  fileSizes: sql`SELECT SUBSTRING_INDEX(NAME, '/', 1) AS db, CAST(SUM(FILE_SIZE) AS DOUBLE) AS bytes
    FROM information_schema.INNODB_SYS_TABLESPACES WHERE NAME LIKE '%/%' GROUP BY 1`,
  sharedSpaceSchemas: sql`SELECT DISTINCT SUBSTRING_INDEX(NAME, '/', 1) AS db
    FROM information_schema.INNODB_SYS_TABLES WHERE SPACE = 0 AND NAME LIKE '%/%'`,
  lockedErrors: [4151],
  sendingState: 'Writing to net',
});

const mysql = (version: string): Flavour => ({
  name: 'mysql',
  version,
  // By default sizes in information_schema may be a day old.
  setUp: [...commonSetUp, sql`SET SESSION information_schema_stats_expiry = 0`],
  fileSizes: sql`SELECT SUBSTRING_INDEX(NAME, '/', 1) AS db, CAST(SUM(FILE_SIZE) AS DOUBLE) AS bytes
    FROM information_schema.INNODB_TABLESPACES WHERE NAME LIKE '%/%' GROUP BY 1`,
  sharedSpaceSchemas: sql`SELECT DISTINCT SUBSTRING_INDEX(NAME, '/', 1) AS db
    FROM information_schema.INNODB_TABLES WHERE SPACE = 0 AND NAME LIKE '%/%'`,
  lockedErrors: [3118],
  sendingState: 'Sending to client',
});

/** Which one a server is; throws for one that is too old for what the node does. */
export function flavourOf(version: string): Flavour {
  const major = Number.parseInt(version, 10);
  const flavour = /mariadb/i.test(version) ? mariadb(version) : mysql(version);
  const oldest = flavour.name === 'mariadb' ? 10 : 8;
  if (!(major >= oldest)) throw new Error(`${version}: needs MariaDB 10.5 or MySQL 8 or later`);
  return flavour;
}

/**
 * Lines for an option file of the client programs, for whichever they are: what one of them does not know it skips,
 * because of `loose-`.
 */
export const clientOptions = {
  dump: [
    'single-transaction',
    'quick',
    'routines',
    'triggers',
    'events',
    'hex-blob',
    'no-tablespaces',
    'default-character-set=utf8mb4',
    'max-allowed-packet=1G',
    'loose-set-gtid-purged=OFF',
    'loose-column-statistics=0',
  ],
  load: [
    // Without these a dump could run commands and read files on this machine.
    'binary-mode',
    'local-infile=0',
    'loose-system-command=OFF',
    'default-character-set=utf8mb4',
    'max-allowed-packet=1G',
  ],
  /** MariaDB's programs check the name with an option of its own, MySQL's by a mode. */
  tls: (verifyName: boolean): string[] => [
    ...(verifyName ? ['loose-ssl-verify-server-cert'] : []),
    `loose-ssl-mode=${verifyName ? 'VERIFY_IDENTITY' : 'VERIFY_CA'}`,
  ],
};

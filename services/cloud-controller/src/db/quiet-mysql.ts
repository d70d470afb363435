import { MysqlDialect } from 'kysely';
import type { DatabaseConnection, Driver, MysqlPool } from 'kysely';

/**
 * MySQL whose errors do not carry the statement: the client puts it there with all values filled in, and from there
 * environments and password hashes would get into logs.
 */
export function quietMysqlDialect(pool: () => Promise<MysqlPool>): MysqlDialect {
  return new QuietMysqlDialect({ pool });
}

class QuietMysqlDialect extends MysqlDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    const quiet = new WeakSet<DatabaseConnection>();
    const acquire = driver.acquireConnection.bind(driver);
    driver.acquireConnection = async (...options) => {
      const connection = await acquire(...options);
      if (!quiet.has(connection)) {
        quiet.add(connection);
        silence(connection);
      }
      return connection;
    };
    return driver;
  }
}

function silence(connection: DatabaseConnection): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query, ...rest) => {
    try {
      return await execute(query, ...rest);
    } catch (error) {
      if (error instanceof Error && 'sql' in error) delete error.sql;
      throw error;
    }
  };
}

# Run once, when the replica's data directory is made: it copies what the primary has logged from its first day on.
mariadb --no-defaults -uroot --socket=/run/mysqld/mysqld.sock -p"$(cat /secrets/database-root-password)" <<SQL
CHANGE MASTER TO MASTER_HOST='database', MASTER_USER='replica',
  MASTER_PASSWORD='$(cat /secrets/replica-password)', MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=4,
  MASTER_CONNECT_RETRY=2;
SQL

# Run once, when the primary's data directory is made: a user that replicas log in as.
mariadb --no-defaults -uroot --socket=/run/mysqld/mysqld.sock -p"$(cat /secrets/database-root-password)" <<SQL
CREATE USER 'replica'@'%' IDENTIFIED BY '$(cat /secrets/replica-password)';
GRANT REPLICATION SLAVE ON *.* TO 'replica'@'%';
SQL

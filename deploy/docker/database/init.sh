# Run once, when the data directory of one of the two servers is made: a user that a replica logs in as; on the replica also
# all that the other one has, and from where to go on.
password=$(cat /secrets/database-root-password)
sql() { mariadb --no-defaults -uroot --socket=/run/mysqld/mysqld.sock -p"$password"; }

sql <<SQL
SET SESSION sql_log_bin = 0;
CREATE USER IF NOT EXISTS 'replica'@'%' IDENTIFIED BY '$(cat /secrets/replica-password)';
GRANT REPLICATION SLAVE ON *.* TO 'replica'@'%';
SQL
if [ "$VCAP_DATABASE" != "$SERVER" ]; then
  primary=(--no-defaults --host="$VCAP_DATABASE" --user=root --password="$password")
  until mariadb-admin "${primary[@]}" --connect-timeout=2 ping >/dev/null 2>&1; do
    echo "waiting for $VCAP_DATABASE"
    sleep 1
  done
  mariadb-dump "${primary[@]}" --single-transaction --master-data=1 --gtid --databases "$MARIADB_DATABASE" >/tmp/copy.sql
  { echo 'SET SESSION sql_log_bin = 0;'; cat /tmp/copy.sql; } | sql
  rm /tmp/copy.sql
  sql <<SQL
CHANGE MASTER TO MASTER_HOST='$VCAP_DATABASE', MASTER_USER='replica',
  MASTER_PASSWORD='$(cat /secrets/replica-password)', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=2;
SQL
fi

#!/bin/bash
# In the replica's container: waits until it has applied all that it got from the lost server, then lets it take writes.
set -euo pipefail
sql() { mariadb --no-defaults -uroot --socket=/run/mysqld/mysqld.sock -p"$(cat /secrets/database-root-password)" "$@"; }
field() { sql -e 'SHOW SLAVE STATUS\G' | sed -n "s/^ *$1: //p"; }

other=$(field Master_Host)
if [ -z "$other" ]; then echo 'This server copies no other one.' >&2; exit 1; fi
if [ "$(field Slave_IO_Running)" = Yes ]; then
  echo "$other still runs: two that take writes cannot be joined again. Take it away first." >&2
  exit 1
fi
sql -e 'STOP SLAVE IO_THREAD'
until [ "$(field Relay_Master_Log_File):$(field Exec_Master_Log_Pos)" = "$(field Master_Log_File):$(field Read_Master_Log_Pos)" ]; do
  if [ -n "$(field Last_SQL_Error)" ]; then field Last_SQL_Error >&2; exit 1; fi
  sleep 0.2
done
sql -e 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0'
echo "All that came from $other is here. This server takes writes now."

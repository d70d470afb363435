#!/bin/bash
# The controllers' database server. There are two, database and database-replica, made alike: the one that VCAP_DATABASE
# names takes writes, the other one copies it (README.md, "When the database is lost").
set -euo pipefail
read_only=1
if [ "$VCAP_DATABASE" = "$SERVER" ]; then read_only=0; fi
# What a controller was told to be done is on both as long as both run: a commit waits for the copy.
exec docker-entrypoint.sh mariadbd --server-id="$SERVER_ID" --read-only="$read_only" --skip-name-resolve \
  --log-bin=bin --binlog-format=ROW --sync-binlog=1 --log-slave-updates --relay-log=relay --expire-logs-days=7 \
  --rpl-semi-sync-slave-enabled=1 --rpl-semi-sync-master-enabled=1 --rpl-semi-sync-master-timeout=5000 \
  --rpl-semi-sync-master-wait-point=AFTER_SYNC --rpl-semi-sync-master-wait-no-slave=0

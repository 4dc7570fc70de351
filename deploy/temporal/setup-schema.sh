#!/bin/sh
# Makes Temporal's two databases and brings their schema up to the server's version; again is the same.
set -eu

sql() {
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" --port "$SQL_PORT" --user "$SQL_USER" --db "$@"
}

for database in temporal visibility; do
  case $database in
  temporal) name=temporal ;;
  visibility) name=temporal_visibility ;;
  esac
  sql "$name" create
  sql "$name" setup-schema -v 0.0
  sql "$name" update-schema -d "/etc/temporal/schema/postgresql/v12/$database/versioned"
done

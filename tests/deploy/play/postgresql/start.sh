# As the official image does: makes the data where there are none, and becomes the server.
set -eu
programs=/usr/lib/postgresql/15/bin
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  $programs/initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile /tmp/password \
    --auth scram-sha-256 --encoding UTF8 --locale C --no-sync
  rm /tmp/password
  echo "CREATE DATABASE $POSTGRES_DB" | $programs/postgres --single -D "$PGDATA" postgres
fi
exec $programs/postgres -D "$PGDATA" -c unix_socket_directories=/tmp "$@"

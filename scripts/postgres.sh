#!/usr/bin/env bash
# A throw-away PostgreSQL from the system's packages, for tests: on this machine alone, without passwords, and gone with
# its directory. PostgreSQL does not run as root: then it runs as the user `postgres`.
#
#   scripts/postgres.sh start DIRECTORY [PORT]   prints the connection string when it answers
#   scripts/postgres.sh kill DIRECTORY           ends it at once, as a power cut would
#   scripts/postgres.sh again DIRECTORY          starts it again over what it had
#   scripts/postgres.sh stop DIRECTORY           ends it and removes the directory
set -euo pipefail

usage() { sed -n '5,8s/^# *//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
command=$1 directory=$2 port=${3:-}

# Debian keeps the programs out of the path, one directory for each version: the newest is taken.
bin=${POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -n 1 || true)}
[ -n "$bin" ] || bin=$(dirname "$(command -v pg_ctl || true)")
[ -x "$bin/pg_ctl" ] || { echo "PostgreSQL is not installed: pg_ctl was found nowhere (Debian: apt-get install postgresql)." >&2; exit 3; }

as() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; else "$@"; fi
}

free_port() {
  local candidate
  while :; do
    candidate=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || { echo "$candidate"; return; }
  done
}

run() {
  as "$bin/pg_ctl" -D "$directory/data" -l "$directory/server.log" -s -w -t 60 \
    -o "-c listen_addresses=127.0.0.1 -c port=$1 -c unix_socket_directories= -c max_connections=200" start >/dev/null \
    || { cat "$directory/server.log" >&2; exit 1; }
  echo "Host=127.0.0.1;Port=$1;Username=crdt;Database=postgres"
}

case $command in
  start)
    mkdir -p "$directory"
    [ "$(id -u)" != 0 ] || chown postgres "$directory"
    as "$bin/initdb" -D "$directory/data" -U crdt -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
    port=${port:-$(free_port)}
    echo "$port" >"$directory/port"
    run "$port"
    ;;
  kill)
    as "$bin/pg_ctl" -D "$directory/data" -s -m immediate stop
    ;;
  again)
    run "$(cat "$directory/port")"
    ;;
  stop)
    as "$bin/pg_ctl" -D "$directory/data" -s -m immediate stop || true
    rm -rf "$directory"
    ;;
  *)
    usage
    ;;
esac

#!/bin/bash
# A private MariaDB for tests: own data directory, unix socket only, stopped by pid.
#
#   mariadb.sh start DIR   makes DIR/data when it is missing, starts the server, prints the database URL
#   mariadb.sh url DIR     prints the URL again (root-url: the URL of the server's administrator)
#   mariadb.sh stop DIR    asks the server to end, waits, kills it when it does not
#   mariadb.sh kill DIR    ends the server at once (SIGKILL), as a power failure would
#   mariadb.sh pause DIR   stops it without a word (SIGSTOP), continue DIR lets it go on
#   mariadb.sh destroy DIR stop, then remove what start made
#
# Works as root and as any other user. Every wait is bounded. Needs mariadbd and mariadb-install-db, which
# Debian puts into /usr/sbin and /usr/bin. GATEHOUSE_MARIADBD_ARGS adds options to the server.
set -euo pipefail
PATH=$PATH:/usr/sbin:/usr/local/sbin

start_seconds=${GATEHOUSE_MARIADB_START_SECONDS:-90}
stop_seconds=${GATEHOUSE_MARIADB_STOP_SECONDS:-60}

die() {
    printf 'mariadb.sh: %s\n' "$*" >&2
    exit 1
}

usage() { die "usage: mariadb.sh start|stop|kill|pause|continue|url|root-url|destroy DIR"; }

# The pid when the server of this directory runs; nothing otherwise. A pid that another program got
# meanwhile does not count.
running() {
    local pid
    pid=$(cat "$dir/mariadbd.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "--datadir=$dir/data" || return 1
    printf '%s' "$pid"
}

sql() { mariadb --no-defaults --socket="$socket" --user=root --batch --skip-column-names; }

install_data() {
    rm -rf "$dir/data.new"
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$dir/data.new" --tmpdir="$dir/tmp" \
        --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --force \
        >"$dir/install.log" 2>&1 ||
        { tail -n 20 "$dir/install.log" >&2; die "mariadb-install-db failed"; }
    # Renamed when it is whole, so that an interrupted start is repeated.
    mv "$dir/data.new" "$dir/data"
}

# The database and its owner. Runs at every start: a start that was interrupted here is completed.
make_database() {
    [ -s "$dir/password" ] || (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$dir/password")
    sql <<SQL
CREATE DATABASE IF NOT EXISTS gatehouse CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
CREATE OR REPLACE USER gatehouse@localhost IDENTIFIED BY '$(cat "$dir/password")';
GRANT ALL ON gatehouse.* TO gatehouse@localhost;
SQL
}

wait_until_it_answers() {
    local deadline=$((SECONDS + start_seconds)) pid=$1
    until mariadb-admin --no-defaults --socket="$socket" --user=root ping >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$dir/error.log" >&2
            die "mariadbd ended; its log is $dir/error.log"
        fi
        [ $SECONDS -lt $deadline ] || die "mariadbd does not answer after $start_seconds s; its log is $dir/error.log"
        sleep 0.1
    done
}

start() {
    mkdir -p "$dir/tmp" # its own: a server that starts clears what others left in a common one
    [ ${#socket} -le 100 ] || die "the path $socket is too long for a unix socket: take a shorter directory"
    if ! running >/dev/null; then
        [ -d "$dir/data" ] || install_data
        # shellcheck disable=SC2086 # the variable holds several options
        setsid mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/data" --socket="$socket" \
            --tmpdir="$dir/tmp" --pid-file="$dir/server.pid" --log-error="$dir/error.log" --skip-networking \
            --skip-name-resolve --character-set-server=utf8mb4 --innodb-buffer-pool-size=256M \
            --innodb-flush-log-at-trx-commit=1 --performance-schema=OFF --max-allowed-packet=16M \
            --wait-timeout=3600 ${GATEHOUSE_MARIADBD_ARGS:-} </dev/null >/dev/null 2>&1 &
        echo $! >"$dir/mariadbd.pid"
        wait_until_it_answers "$(cat "$dir/mariadbd.pid")"
        make_database
    fi
    url
}

url() { printf 'mysql://gatehouse:%s@localhost/gatehouse?socket=%s\n' "$(cat "$dir/password")" "$socket"; }

root_url() { printf 'mysql://root@localhost/gatehouse?socket=%s\n' "$socket"; }

wait_for_end() {
    local pid=$1 deadline=$((SECONDS + $2))
    while kill -0 "$pid" 2>/dev/null && [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" != Z ]; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}

stop() {
    local pid
    if pid=$(running); then
        kill -TERM "$pid"
        wait_for_end "$pid" "$stop_seconds" || kill_now
    fi
    rm -f "$dir/mariadbd.pid"
}

kill_now() {
    local pid
    if pid=$(running); then
        kill -KILL "$pid"
        wait_for_end "$pid" 10 || die "mariadbd ($pid) survives SIGKILL"
    fi
    rm -f "$dir/mariadbd.pid"
}

signal_it() {
    local pid
    pid=$(running) || die "no server of $dir runs"
    kill "-$1" "$pid"
}

# Its threads stop one after the other.
pause() {
    local pid
    signal_it STOP
    pid=$(running)
    while grep -qv ') T ' "/proc/$pid/task"/*/stat; do sleep 0.05; done
}

destroy() {
    stop
    # Only what start made; a directory with anything else in it stays.
    rm -rf "$dir/data" "$dir/data.new" "$dir/tmp"
    rm -f "$dir/error.log" "$dir/install.log" "$dir/password" "$dir/server.pid" "$socket"
    rmdir "$dir" 2>/dev/null || true
}

[ $# -eq 2 ] || usage
case $2 in /*) dir=$2 ;; *) dir=$PWD/$2 ;; esac
dir=${dir%/}
socket=$dir/db.sock
case $1 in
start) start ;;
stop) stop ;;
kill) kill_now ;;
pause) pause ;;
continue) signal_it CONT ;;
url) url ;;
root-url) root_url ;;
destroy) destroy ;;
*) usage ;;
esac

#!/bin/bash
# A private gateway for tests: own MariaDB, managed token and ports, stopped by pid.
#
#   gateway.sh start DIR [OPTION...]  database, `gatehouse init` and `gatehouse serve`; prints DIR/env when
#                                     it is ready. On a DIR that was used before the same instance starts
#                                     again. The options go to init and serve, after ours.
#   gateway.sh stop DIR               stops gateway and database
#   gateway.sh stop-gateway DIR       stops the gateway alone (SIGTERM), kill-gateway with SIGKILL
#   gateway.sh start-gateway DIR      starts it again on the same ports
#   gateway.sh destroy DIR            stop, then remove the directory
#
# DIR/env is for the shell: GATEHOUSE_URL and GATEHOUSE_HTTP_URL (base URLs), GATEHOUSE_USER,
# GATEHOUSE_PASSWORD (one-time), GATEHOUSE_TOKEN (API token of the administrator), GATEHOUSE_TLS_CERT (file:
# the gateway's TLS certificate, to verify it with), GATEHOUSE_DIR, GATEHOUSE_DB.
# GATEHOUSE_BIN says where the programs are (default: build/release/bin of the source tree).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/lib/ports.sh
. "$here/ports.sh"
bin=${GATEHOUSE_BIN:-$here/../../build/release/bin}
ready_seconds=${GATEHOUSE_READY_SECONDS:-120}

die() {
    printf 'gateway.sh: %s\n' "$*" >&2
    exit 1
}

running() {
    local pid
    pid=$(cat "$dir/gatehouse.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$dir/data" || return 1
    printf '%s' "$pid"
}

ports() {
    [ -s "$dir/ports" ] || printf 'http_port=%s\nhttps_port=%s\n' "$(free_port)" "$(free_port)" >"$dir/ports"
    # shellcheck disable=SC1091 # written the line before
    . "$dir/ports"
}

arguments() {
    args=(--data "$dir/data" --db "$("$here/mariadb.sh" url "$dir/db")"
        --http "127.0.0.1:$http_port" --https "127.0.0.1:$https_port" --public-name localhost
        --public-name 127.0.0.1 --public-url "http://localhost:$http_port"
        --public-https-url "https://localhost:$https_port" --first-login "$dir/first-login.txt")
    if [ -s "$dir/options" ]; then
        mapfile -t more <"$dir/options"
        args+=("${more[@]}")
    fi
}

write_env() {
    local user password token
    user=$(sed -n 's/^user=//p' "$dir/first-login.txt")
    password=$(sed -n 's/^password=//p' "$dir/first-login.txt")
    token=$(sed -n 's/^token=//p' "$dir/first-login.txt")
    openssl s_client -connect "127.0.0.1:$https_port" -servername localhost </dev/null 2>/dev/null |
        openssl x509 >"$dir/tls.pem" 2>/dev/null || die "the gateway's TLS certificate cannot be read"
    {
        printf 'export GATEHOUSE_DIR=%q GATEHOUSE_DB=%q\n' "$dir" "$("$here/mariadb.sh" url "$dir/db")"
        printf 'export GATEHOUSE_URL=https://localhost:%s GATEHOUSE_HTTP_URL=http://localhost:%s\n' \
            "$https_port" "$http_port"
        printf 'export GATEHOUSE_USER=%q GATEHOUSE_PASSWORD=%q GATEHOUSE_TOKEN=%q\n' "$user" "$password" "$token"
        printf 'export GATEHOUSE_TLS_CERT=%q\n' "$dir/tls.pem"
    } >"$dir/env"
}

wait_until_ready() {
    local pid=$1 deadline=$((SECONDS + ready_seconds))
    until grep -q '^ready:' "$dir/serve.out"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 30 "$dir/serve.log" >&2
            return 1
        fi
        [ $SECONDS -lt $deadline ] || die "the gateway is not ready after $ready_seconds s; see $dir/serve.log"
        sleep 0.1
    done
}

serve() {
    : >"$dir/serve.out"
    setsid "$bin/gatehouse" serve "${args[@]}" </dev/null >"$dir/serve.out" 2>>"$dir/serve.log" &
    echo $! >"$dir/gatehouse.pid"
    wait_until_ready "$!"
}

start_gateway() {
    running >/dev/null && return
    ports
    arguments
    serve || die "gatehouse serve ended; its log is $dir/serve.log"
    write_env
}

start() {
    [ -x "$bin/gatehouse" ] || die "there is no $bin/gatehouse; build it or set GATEHOUSE_BIN"
    mkdir -p "$dir"
    (umask 077 && printf '%s\n' "$@" | sed '/^$/d' >"$dir/options")
    "$here/mariadb.sh" start "$dir/db" >/dev/null
    ports
    arguments
    "$bin/gatehouse" init "${args[@]}" >"$dir/init.log" 2>&1 ||
        { tail -n 30 "$dir/init.log" >&2; die "gatehouse init failed"; }
    start_gateway
    cat "$dir/env"
}

ended() {
    ! kill -0 "$1" 2>/dev/null || [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" = Z ]
}

end_gateway() {
    local pid deadline=$((SECONDS + 60))
    if pid=$(running); then
        kill "-$1" "$pid"
        until ended "$pid"; do
            [ $SECONDS -lt $deadline ] || die "the gateway ($pid) does not end after 60 s"
            sleep 0.05
        done
    fi
    rm -f "$dir/gatehouse.pid"
}

stop() {
    end_gateway TERM
    "$here/mariadb.sh" stop "$dir/db"
}

[ $# -ge 2 ] || die "usage: gateway.sh start|stop|start-gateway|stop-gateway|kill-gateway|destroy DIR"
command=$1
case $2 in /*) dir=$2 ;; *) dir=$PWD/$2 ;; esac
dir=${dir%/}
shift 2
case $command in
start) start "$@" ;;
stop) stop ;;
start-gateway) start_gateway ;;
stop-gateway) end_gateway TERM ;;
kill-gateway) end_gateway KILL ;;
destroy) stop && rm -rf "$dir" ;;
*) die "unknown command $command" ;;
esac

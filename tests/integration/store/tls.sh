#!/bin/bash
# tls.sh PING: the option ssl-ca of the database URL: a connection is made only over TLS, to a server whose
# certificate comes from that CA and names the host.
set -euo pipefail

ping=$1
mariadb_sh=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../lib" && pwd -P)/mariadb.sh
dir=$(mktemp -d "${TMPDIR:-/tmp}/gatehouse-tls.XXXXXX")
cleanup() {
    "$mariadb_sh" destroy "$dir/db"
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 143' INT TERM

make_ca() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -keyout "$dir/$1.key" -out "$dir/$1.pem" 2>/dev/null
}
make_ca right
make_ca wrong
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server \
    -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
openssl x509 -req -in "$dir/server.csr" -CA "$dir/right.pem" -CAkey "$dir/right.key" -days 2 \
    -extfile <(echo subjectAltName=DNS:localhost) -out "$dir/server.pem" 2>/dev/null

port=$((20000 + RANDOM % 20000))
start() {
    GATEHOUSE_MARIADBD_ARGS="--skip-networking=0 --bind-address=127.0.0.1 --port=$port $*" \
        "$mariadb_sh" start "$dir/db" >/dev/null
    mariadb --no-defaults --socket="$dir/db/db.sock" --user=root \
        -e "CREATE OR REPLACE USER tester@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON gatehouse.* TO tester@'%'"
}
# expect WHAT URL-OPTIONS [HOST]: what ping prints.
expect() {
    local got
    got=$("$ping" "mysql://tester:secret@${3:-localhost}:$port/gatehouse$2" 2>>"$dir/detail" || true)
    if [ "$got" != "$1" ]; then
        cat "$dir/detail" >&2
        echo "tls.sh: ${3:-localhost} $2: $got instead of $1" >&2
        exit 1
    fi
}

start --ssl-cert="$dir/server.pem" --ssl-key="$dir/server.key" --ssl-ca="$dir/right.pem"
# --skip-name-resolve: the server's accounts go by address; the name below is the client's to check.
expect ok "?ssl-ca=$dir/right.pem"
expect database-unavailable "?ssl-ca=$dir/wrong.pem"
expect database-unavailable "?ssl-ca=$dir/right.pem" 127.0.0.2
expect database-unavailable "?ssl-ca=$dir/none.pem"
expect ok ""
"$mariadb_sh" stop "$dir/db"
start --skip-ssl
expect database-unavailable "?ssl-ca=$dir/right.pem"
expect ok ""
echo "tls.sh: ok"

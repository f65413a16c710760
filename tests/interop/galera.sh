#!/bin/bash
# Two gateways on a Galera cluster of three nodes: revocations in the OCSP answers of both within a second; a node that
# is killed while certificates are issued: none lost, none twice, service back within five seconds; the dead node comes
# back by IST.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
PATH=$PATH:/usr/sbin

provider=/usr/lib/galera/libgalera_smm.so
quick='evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT1.5S;evs.inactive_timeout=PT3S;evs.inactive_check_period=PT0.5S;evs.join_retrans_period=PT0.3S;pc.wait_prim_timeout=PT20S;gcache.size=64M'

sql() { mariadb --no-defaults --socket="$work/db$1/db.sock" --user=root --batch --skip-column-names; } # NODE <STATEMENTS
status_of() { echo "SHOW STATUS LIKE 'wsrep_$2'" | sql "$1" 2>/dev/null | cut -f2; }
is_synced() { [ "$(status_of "$1" local_state_comment)" = Synced ] && [ "$(status_of "$1" ready)" = ON ]; }
has_size() { [ "$(status_of "$1" cluster_size)" = "$2" ]; }

# node_start NAME [OPTION...]: one mariadbd of the cluster, SQL and replication on ports of their own.
node_start() {
    local name=$1
    shift
    setsid mariadbd --no-defaults --user="$user" --datadir="$work/db$name" --socket="$work/db$name/db.sock" \
        --pid-file="$work/db$name/db.pid" --log-error="$work/db$name/db.log" --tmpdir="$work/tmp" --bind-address=127.0.0.1 \
        --port="${sql_port[$name]}" --skip-name-resolve --character-set-server=utf8mb4 --innodb-buffer-pool-size=128M \
        --innodb-log-file-size=32M --performance-schema=OFF --max-allowed-packet=16M --binlog-format=ROW \
        --innodb-autoinc-lock-mode=2 --innodb-flush-log-at-trx-commit=1 --wsrep-on=ON --wsrep-provider="$provider" \
        --wsrep-cluster-name=gatehouse --wsrep-cluster-address="$cluster" --wsrep-node-name="db$name" \
        --wsrep-node-address="127.0.0.1:${repl_port[$name]}" --wsrep-sst-method=rsync \
        --wsrep-sst-receive-address="127.0.0.1:${sst_port[$name]}" \
        --wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:${repl_port[$name]};ist.recv_addr=127.0.0.1:${ist_port[$name]};$quick" \
        "$@" </dev/null >>"$work/db$name.out" 2>&1 &
    node_pid[name]=$!
    other_pids+=("$!")
}

node_ready() { within "$2" is_synced "$1" || die "node $1 does not join: $(tail -n 25 "$work/db$1/db.log")"; }

start_cluster() {
    local i
    declare -ga sql_port repl_port sst_port ist_port node_pid
    for i in 1 2 3; do
        sql_port[i]=$(free_port) repl_port[i]=$(free_port) sst_port[i]=$(free_port) ist_port[i]=$(free_port)
    done
    user=$(id -un)
    [ "$(id -u)" != 0 ] || user=nobody
    chmod 711 "$work"
    mkdir -m 1777 tmp
    cluster="gcomm://127.0.0.1:${repl_port[1]},127.0.0.1:${repl_port[2]},127.0.0.1:${repl_port[3]}"
    mariadb-install-db --no-defaults --user="$user" --datadir="$work/db1" --tmpdir="$work/tmp" --skip-test-db \
        --auth-root-authentication-method=normal --skip-name-resolve --force >install.log 2>&1 || die "$(tail install.log)"
    # rsync's daemon, which state transfers use, gives up root's rights: all of it is somebody else's then.
    [ "$user" = "$(id -un)" ] || chown -R "$user" db1
    install -d -m 700 -o "$user" db2 db3
    node_start 1 --wsrep-new-cluster
    node_ready 1 30
    for i in 2 3; do
        node_start $i
        node_ready $i 60
    done
    sql 1 <<<"CREATE DATABASE gatehouse CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
        CREATE USER gatehouse@'%' IDENTIFIED BY 'secret'; GRANT ALL ON gatehouse.* TO gatehouse@'%';"
}

nodes_url() { # FIRST SECOND THIRD
    local i list=
    for i in "$@"; do list+=${list:+,}127.0.0.1:${sql_port[$i]}; done
    printf 'mysql://gatehouse:secret@%s/gatehouse' "$list"
}

# --- two gateways -------------------------------------------------------------------------------------------------

# gateway_b: a second one, which writes at another node of the cluster.
start_b() {
    b_port=$(free_port)
    cp -a "$instance/data" "$work/b"
    : >b.out
    "$bin/gatehouse" serve --data "$work/b" --db "$(nodes_url 2 1 3)" --http "127.0.0.1:$b_port" --https none \
        --listen "127.0.0.1:$(free_port) proxied" --trusted-proxy 127.0.0.1 --public-url "$GATEHOUSE_HTTP_URL" \
        --public-https-url "$GATEHOUSE_URL" --public-name localhost </dev/null >b.out 2>b.log &
    other_pids+=("$!")
    within 60 grep -q '^ready:' b.out || die "the second gateway: $(tail -5 b.log)"
}

issue() { rest POST "templates/$template/requests" "@request.json" | jq -er .certificate.serial; }

# worker NUMBER: certificates until "stop" is there, each acknowledged one with its time in issued.N.
worker() {
    local serial
    while [ ! -e stop ]; do
        if serial=$(issue 2>>"failed.$1"); then printf '%s %s\n' "$(date +%s.%N)" "$serial" >>"issued.$1"; else sleep 0.2; fi
    done
}

start_load() {
    local n
    rm -f stop issued.* failed.*
    workers=()
    for n in 1 2 3; do
        worker $n &
        workers+=("$!")
        other_pids+=("$!")
    done
}

end_load() {
    touch stop
    wait "${workers[@]}" || true
}

count() { sql "$1" <<<"SELECT COUNT(*) FROM gatehouse.certificates"; }

status_at() { # URL: what OCSP says of leaf.crt
    "$openssl" ocsp -issuer ca.crt -cert leaf.crt -url "$1/ocsp/$ca" -noverify 2>/dev/null | sed -n 's/^leaf.crt: //p'
}

coherent() {
    local i began
    for i in 1 2 3; do
        rest POST "templates/$template/requests" "@request.json" >leaf.json
        jq -er .certificate.pem leaf.json >leaf.crt
        expect "status at the second gateway" "$(status_at "http://127.0.0.1:$b_port")" good
        began=$(date +%s%N)
        rest POST "certificates/$(jq -r .certificate.id leaf.json)/revoke" '{"reason":"keyCompromise"}' >/dev/null
        expect "status where it was revoked" "$(status_at "$GATEHOUSE_HTTP_URL")" revoked
        until [ "$(status_at "http://127.0.0.1:$b_port")" = revoked ]; do
            [ $(($(date +%s%N) - began)) -lt 2000000000 ] || die "the second gateway does not know of the revocation"
        done
        [ $(($(date +%s%N) - began)) -lt 1500000000 ] || die "the second gateway knew of the revocation too late"
    done
    shown "a revocation at one node is in the next OCSP answer there and within a second in that of a gateway at another node"
}

node_dies() {
    local before acked after gap
    before=$(count 3)
    start_load
    sleep 4
    kill -KILL "${node_pid[1]}"
    sleep 10
    end_load
    cat issued.* | sort >issued
    acked=$(wc -l <issued)
    after=$(count 3)
    gap=$(awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%d", gap * 1000 }' issued)
    expect "certificates acknowledged" "$((after - before))" "$acked"
    [ "$acked" -gt 30 ] || die "only $acked certificates were issued: $(tail -n 3 failed.*)"
    sql 3 <<<"SELECT LOWER(HEX(serial)) FROM gatehouse.certificates" | sort >stored
    expect "acknowledged ones that are not stored" "$(cut -d' ' -f2 issued | sort | comm -23 - stored | wc -l)" 0
    expect "serials that are stored twice" "$(uniq -d stored | wc -l)" 0
    [ "$gap" -lt 5000 ] || die "no certificate for $gap ms; failures: $(cat failed.* | head -5)"
    note "$acked certificates, the longest pause $gap ms, $(cat failed.* | wc -l) requests refused"
    shown "a node killed under load: every acknowledged certificate is stored, none is twice or stored unacknowledged, back in under 5 s"
}

# What galera_recovery does for systemd: a node that was killed finds in its tables where it was.
position_of() {
    mariadbd --no-defaults --user="$user" --datadir="$work/db$1" --tmpdir="$work/tmp" --socket="$work/tmp/recover.sock" \
        --pid-file="$work/tmp/recover.pid" --skip-networking --innodb-log-file-size=32M --binlog-format=ROW --innodb-autoinc-lock-mode=2 \
        --wsrep-on=ON --wsrep-provider="$provider" --wsrep-cluster-address="$cluster" --wsrep-recover </dev/null >>recover.out 2>&1 || true
    sed -n 's/.*WSREP: Recovered position: *//p' recover.out | tail -n 1
}

node_returns() {
    local position
    position=$(position_of 1)
    [ -n "$position" ] || die "no position recovered: $(tail -n 10 recover.out)"
    node_start 1 --wsrep-start-position="$position"
    node_ready 1 60
    grep -qE 'IST received|Receiving IST' db1/db.log || die "the node did not come back by IST: $(tail -n 20 db1/db.log)"
    expect "what the node that came back has" "$(count 1)" "$(count 3)"
    shown "the node comes back by incremental state transfer and has everything"
}

begin
need mariadbd mariadb-install-db rsync
[ -e "$provider" ] || die "$provider is missing (galera-4)"
start_cluster
start_instance --db "$(nodes_url 1 2 3)"
ca=$(rest POST cas '{"name":"Cluster","key":{"type":"P-256"}}' | jq -er .id)
template=$ca-web-server
rest GET "cas/$ca/certificate?format=pem" >ca.crt
make_csr P-256 leaf leaf.example.test
jq -Rs '{csr: ., issue: true}' leaf.csr >request.json
start_b
coherent
node_dies
node_returns
finish

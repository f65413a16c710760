# A Galera cluster of three MariaDB nodes on ports of this host. Sourced after lib.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work is lib.sh's

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
    disown # no word from the shell when it is killed
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

# What galera_recovery does for systemd: a node that was killed finds in its tables where it was.
position_of() {
    mariadbd --no-defaults --user="$user" --datadir="$work/db$1" --tmpdir="$work/tmp" --socket="$work/tmp/recover.sock" \
        --pid-file="$work/tmp/recover.pid" --skip-networking --innodb-log-file-size=32M --binlog-format=ROW --innodb-autoinc-lock-mode=2 \
        --wsrep-on=ON --wsrep-provider="$provider" --wsrep-cluster-address="$cluster" --wsrep-recover </dev/null >>recover.out 2>&1 || true
    sed -n 's/.*WSREP: Recovered position: *//p' recover.out | tail -n 1
}

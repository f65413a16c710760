#!/bin/bash
# Two gateways on a Galera cluster of three nodes: revocations in the OCSP answers of both within a second; a node that
# is killed while certificates are issued, or hangs: none lost, none twice, service back within five seconds; the dead
# node comes back by IST; a node cut off from the others refuses to write, and goes on when they are one again.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/cluster.sh
. "$here/cluster.sh"

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

# What the second gateway says to the question that lies ready.
second_says() {
    curl -sS -H 'Content-Type: application/ocsp-request' --data-binary @q.der -o a.der "http://127.0.0.1:$b_port/ocsp/$ca"
    "$openssl" ocsp -issuer ca.crt -cert leaf.crt -respin a.der -no_nonce -noverify 2>/dev/null | sed -n 's/^leaf.crt: //p'
}

# Asked a second after the revocation was acknowledged, it knows; what counts is when it was asked.
coherent() {
    local i revoked asked
    for i in 1 2 3; do
        rest POST "templates/$template/requests" "@request.json" >leaf.json
        jq -er .certificate.pem leaf.json >leaf.crt
        "$openssl" ocsp -issuer ca.crt -cert leaf.crt -no_nonce -reqout q.der >/dev/null
        expect "status at the second gateway" "$(second_says)" good
        rest POST "certificates/$(jq -r .certificate.id leaf.json)/revoke" '{"reason":"keyCompromise"}' >/dev/null
        revoked=$(date +%s%N)
        expect "status where it was revoked" "$(status_at "$GATEHOUSE_HTTP_URL")" revoked
        asked=$(date +%s%N)
        until [ "$(second_says)" = revoked ]; do
            [ $((asked - revoked)) -lt 1000000000 ] || die "the second gateway does not know of the revocation $(((asked - revoked) / 1000000)) ms later"
            asked=$(date +%s%N)
        done
    done
    shown "a revocation at one node is in the next OCSP answer there and within a second in that of a gateway at another node"
}

# What happened under load: counted at node $1; $2 were there before.
no_harm() {
    local acked after gap
    cat issued.* | sort >issued
    acked=$(wc -l <issued)
    after=$(count "$1")
    gap=$(awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%d", gap * 1000 }' issued)
    expect "certificates acknowledged" "$((after - $2))" "$acked"
    [ "$acked" -gt 10 ] || die "only $acked certificates were issued: $(tail -n 3 failed.*)"
    sql "$1" <<<"SELECT LOWER(HEX(serial)) FROM gatehouse.certificates" | sort >stored
    expect "acknowledged ones that are not stored" "$(cut -d' ' -f2 issued | sort | comm -23 - stored | wc -l)" 0
    expect "serials that are stored twice" "$(uniq -d stored | wc -l)" 0
    [ "$gap" -lt 5000 ] || die "no certificate for $gap ms; failures: $(cat failed.* | head -5)"
    note "$acked certificates, the longest pause $gap ms, $(cat failed.* | wc -l) requests refused"
}

node_dies() {
    local before
    before=$(count 3)
    start_load
    sleep 3
    kill -KILL "${node_pid[1]}"
    sleep 7
    end_load
    no_harm 3 "$before"
    shown "a node killed under load: every acknowledged certificate is stored, none is twice or stored unacknowledged, back in under 5 s"
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

used_node() { sed -n 's/.*the database is 127.0.0.1:\([0-9]*\) from now on.*/\1/p' "$instance/serve.log" | tail -n 1; }
uses_first() { [ "$(used_node)" = "${sql_port[1]}" ]; }

# A node that is stopped keeps its connections and says nothing.
node_hangs() {
    local before
    within 60 uses_first || die "the gateway does not go back to the first node: $(grep 'from now on' "$instance/serve.log" | tail -n 3)"
    before=$(count 3)
    start_load
    sleep 3
    kill -STOP "${node_pid[1]}"
    sleep 8
    kill -CONT "${node_pid[1]}"
    end_load
    no_harm 3 "$before"
    grep -q "127.0.0.1:${sql_port[1]} hangs" "$instance/serve.log" || die "the gateway says nothing of a node that hangs"
    node_ready 1 30
    shown "a node that hangs (stopped, its connections open) is left within seconds, and nothing is lost or twice"
}

isolate() { # 0|1 NODE...
    local node value=$1
    shift
    for node in "$@"; do sql "$node" <<<"SET GLOBAL wsrep_provider_options='gmcast.isolate=$value'"; done
}
refuses() { [ "$(rest POST "templates/$template/requests" @request.json 2>&1 | grep -c "$1")" = 1 ]; }
is_alone() { [ "$(status_of "$1" cluster_status)" = non-Primary ]; }

# The half with the majority goes on; a gateway that reaches the other half alone writes nothing and says why. With no
# majority anywhere nothing is written; when the nodes meet again, all goes on by itself.
split_brain() {
    local before began node
    before=$(count 3)
    isolate 1 1
    within 20 is_alone 1 || die "the node does not notice that it is alone"
    within 5 issue >/dev/null || die "the half with the majority does not issue"
    expect "stored by the majority" "$(count 3)" "$((before + 1))"
    ! sql 1 <<<"DELETE FROM gatehouse.sessions" 2>alone.err || die "the node that is alone is written to"
    isolate 1 2 3
    for node in 2 3; do within 20 is_alone $node || die "node $node does not notice that it is alone"; done
    within 5 refuses '503.*database-no-quorum' || die "the answer without a majority: $(rest POST "templates/$template/requests" @request.json 2>&1)"
    began=$(date +%s%N)
    ! issue >/dev/null 2>&1 || die "something is issued without a majority"
    [ $(($(date +%s%N) - began)) -lt 2000000000 ] || die "the refusal takes its time"
    isolate 0 1 2 3
    for node in 1 2 3; do within 30 has_size $node 3 && within 30 is_synced $node || die "node $node does not join the others again"; done
    began=$(date +%s%N)
    within 10 issue >/dev/null 2>&1 || die "nothing is issued though the cluster is whole"
    began=$(($(date +%s%N) - began))
    [ "$began" -lt 5000000000 ] || die "nothing was issued for $((began / 1000000)) ms after the cluster was whole"
    expect "certificates of all" "$(count 1)" "$((before + 2))"
    note "issuing $((began / 1000000)) ms after the cluster was whole"
    shown "split brain: the majority goes on, without one nothing is written (503 database-no-quorum) and it goes on by itself"
}

# Taken while all goes on, restored onto a cluster (another database of the same one): every certificate is known, and
# every node has everything.
backup_and_restore() {
    local url port i
    local -a serials=() batch=()
    echo 'correct horse battery' >word
    chmod 600 word
    "$bin/gatehouse" backup "$work/backup" --passphrase-file word --data "$instance/data" --db "$(nodes_url 1 2 3)" >backup.out ||
        die "no backup: $(cat backup.out)"
    sql 1 <<<"CREATE DATABASE restored CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin; GRANT ALL ON restored.* TO gatehouse@'%'"
    url=$(nodes_url 2 3 1)
    url=${url%gatehouse}restored
    "$bin/gatehouse" restore "$work/backup" --passphrase-file word --data "$work/restored" --db "$url" >restore.out 2>&1 ||
        die "not restored: $(tail -n 5 restore.out)"
    for i in 1 3; do
        expect "certificates of the restored database at node $i" \
            "$(sql $i <<<"SET wsrep_sync_wait = 1; SELECT COUNT(*) FROM restored.certificates")" "$(count 2)"
    done
    port=$(free_port)
    : >restored.out
    "$bin/gatehouse" serve --data "$work/restored" --db "$url" --http "127.0.0.1:$port" --https none --listen "127.0.0.1:$(free_port) proxied" \
        --trusted-proxy 127.0.0.1 --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" --public-name localhost \
        </dev/null >restored.out 2>restored.log &
    other_pids+=("$!")
    within 60 grep -q '^ready:' restored.out || die "the restored instance: $(tail -n 5 restored.log)"
    mapfile -t serials < <(sort -u issued.* | cut -d' ' -f2)
    [ ${#serials[@]} -gt 10 ] || die "only ${#serials[@]} certificates to ask for"
    : >answers
    for ((i = 0; i < ${#serials[@]}; i += 10)); do
        batch=("${serials[@]:i:10}")
        "$openssl" ocsp -issuer ca.crt "${batch[@]/#/-serial=0x}" -no_nonce -url "http://127.0.0.1:$port/ocsp/$ca" -noverify >>answers 2>>answers.err
    done
    expect "certificates that OCSP knows" "$(grep -c ': good$' answers)" "${#serials[@]}"
    status_at "http://127.0.0.1:$port" | grep -qx revoked || die "a revocation is lost"
    shown "a backup of the cluster, restored onto a cluster: OCSP for all ${#serials[@]} certificates of the last load and a revoked one"
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
node_hangs
split_brain
backup_and_restore
finish

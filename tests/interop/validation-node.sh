#!/bin/bash
# A validation node at a replica of the database (MariaDB, by GTID): its account can only read, and reads no key but those
# of OCSP certificates. It answers as the node that writes does, says how far behind it is, and says nothing when that is
# too far.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --batch --skip-column-names "$@" gatehouse; }
as_edge() { sql --user=edge --password=edge; }
edge_url() { printf 'mysql://edge:edge@localhost/gatehouse?socket=%s' "$work/replica/db.sock"; }
replica() { mariadb --no-defaults --socket="$work/replica/db.sock" --user=root --batch --skip-column-names "$@"; }

# The source has a log of changes from its first one on, so the replica begins with nothing.
start_source() {
    source_port=$(free_port)
    GATEHOUSE_MARIADBD_ARGS="--skip-networking=0 --bind-address=127.0.0.1 --port=$source_port --server-id=1 --log-bin=changes
        --binlog-format=ROW --gtid-strict-mode" start_instance --jobs-interval 2
}

caught_up() {
    [ "$(replica <<<"SELECT MASTER_GTID_WAIT('$(sql --user=root <<<'SELECT @@gtid_binlog_pos')', 20)")" = 0 ] ||
        die "the replica does not follow: $(replica -E <<<'SHOW REPLICA STATUS' | grep -E 'Error|Running')"
}

start_replica() {
    sql --user=root <<<"CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'follow'; GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1'"
    GATEHOUSE_MARIADBD_ARGS='--server-id=2 --read-only --slave-parallel-threads=0' \
        "$interop_root/tests/lib/mariadb.sh" start "$work/replica" >/dev/null
    other_pids+=("$(cat replica/mariadbd.pid)")
    replica <<<"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=$source_port, MASTER_USER='follower',
        MASTER_PASSWORD='follow', MASTER_USE_GTID=slave_pos; START REPLICA"
    caught_up
}

# edge_options: those of the node's serve and check
edge_options() {
    printf '%s\n' --mode validation --most-behind 8 --data "$work/edge" --db "$(edge_url)" --http "127.0.0.1:$edge_port" \
        --https none --public-url "$GATEHOUSE_HTTP_URL" --metrics-allow 127.0.0.1
}

start_edge() {
    sql --user=root <"$interop_root/sql/validation.sql" || die "validation.sql"
    sql --user=root <<<"CREATE USER edge@localhost IDENTIFIED BY 'edge'; GRANT gatehouse_validation TO edge@localhost;
        SET DEFAULT ROLE gatehouse_validation FOR edge@localhost"
    start_replica
    edge_port=$(free_port)
    edge=http://127.0.0.1:$edge_port
    cp -a "$instance/data" "$work/edge"
    mapfile -t options < <(edge_options)
    "$bin/gatehouse" serve "${options[@]}" </dev/null >edge.out 2>edge.log &
    other_pids+=("$!")
    within 30 grep -q '^ready:' edge.out || die "the validation node does not start: $(tail -n 5 edge.log)"
}

says() { # LEAF: what its OCSP says, with a signature that verifies
    "$openssl" ocsp -issuer ca.pem -cert "$1.pem" -url "$edge/ocsp/$ca" -CAfile ca.pem >ocsp.out 2>ocsp.err || true
    grep -q 'Response verify OK' ocsp.err || { cat ocsp.out ocsp.err; return; }
    sed -n "s|^$1.pem: ||p" ocsp.out
}
is_revoked() { [ "$(says "$1")" = revoked ]; }

answers() {
    local asked
    expect "good" "$(says good)" good
    expect "bad, before" "$(says bad)" good
    rest POST "certificates/$(certificate_id bad)/revoke" '{"reason":"keyCompromise"}' >/dev/null
    asked=$(date +%s%N)
    within 5 is_revoked bad || die "the validation node says $(says bad) of what was revoked"
    note "known $((($(date +%s%N) - asked) / 1000000)) ms after the revocation was acknowledged"
    expect "good, afterwards" "$(says good)" good
    "$openssl" ocsp -issuer ca.pem -serial 0x1234567890abcdef -url "$edge/ocsp" -CAfile ca.pem >ocsp.out 2>&1
    grep -q '0x1234567890abcdef: unknown' ocsp.out || die "a serial that was never issued: $(cat ocsp.out)"
    shown "OCSP at a node that can only read: good, revoked (within the time it says), unknown; the signatures verify"
}

same() { # PATH: the bytes of both nodes
    curl -sSf -o edge.bytes "$edge$1" && public "$1" | cmp - edge.bytes
}

lists() {
    public "/crl/$ca.crl" >/dev/null # a list with the revocation is made where it can be
    same "/crl/$ca.crl" || die "another CRL"
    "$openssl" crl -inform DER -in edge.bytes -noout -text | grep -qi "$("$openssl" x509 -in bad.pem -noout -serial | cut -d= -f2)" ||
        die "the revoked certificate is not in the CRL"
    for path in "/crl/$ca.pem" "/ca/$ca.crt" "/ca/$ca.p7c"; do same "$path" || die "$path differs"; done
    shown "CRL, AIA certificate and chain are those of the node that writes"
}

nothing_else() {
    local path
    for path in /api/v1/cas /console/ /acme/x/directory /scep/x; do
        expect "$path" "$(curl -sS -o problem -w '%{http_code}' "$edge$path")" 404
        jq -e '.type | endswith("validation-node")' problem >/dev/null || die "$path: $(cat problem)"
    done
    expect "POST" "$(curl -sS -o problem -w '%{http_code}' -d '{}' "$edge/api/v1/cas")" 404
    curl -sSf "$edge/metrics" >metrics
    grep -q '^gatehouse_database_behind_seconds [0-9]' metrics || die "no metric of the age"
    grep -qx 'gatehouse_database_up 1' metrics || die "the metrics cannot be read: $(grep metrics edge.log | tail -n 2)"
    ! grep -E ' (error|warn) ' edge.log || die "the log of the validation node"
    shown "everything else is refused by name, and nobody in this node has tried to write"
}

what_it_cannot_do() {
    local statement table
    for table in private_keys settings users api_tokens user_keys credentials events kek_nodes; do
        ! as_edge <<<"SELECT * FROM $table LIMIT 1" >/dev/null 2>denied || die "it reads $table"
        grep -q denied denied || die "$table: $(cat denied)"
    done
    for statement in "INSERT INTO leases VALUES ('x', '', 1)" "UPDATE cas SET name = 'x'" "DELETE FROM crls" \
        "DROP VIEW validation_keys" "UPDATE validation_keys SET wrapped = ''"; do
        ! as_edge <<<"$statement" 2>denied || die "it may: $statement"
        grep -q denied denied || die "$statement: $(cat denied)"
    done
    expect "keys that it reads" "$(as_edge <<<'SELECT COUNT(*) FROM validation_keys')" \
        "$(sql --user=root <<<"SELECT COUNT(*) FROM service_certificates WHERE purpose = 1")"
    expect "keys of CAs among them" "$(sql --user=root <<<'SELECT COUNT(*) FROM validation_keys v JOIN cas c ON c.key_id = v.id')" 0
    "$bin/gatehouse" check "${options[@]}" >check.out || die "check: $(cat check.out)"
    grep -q '^ok       age of what is read' check.out || die "check: $(cat check.out)"
    shown "its account writes nothing, and reads no key of a CA, no setting, no user; check is content"
}

ready_is() { [ "$(curl -sS -o readyz -w '%{http_code}' "$edge/readyz")" = "$1" ]; }

behind() {
    ready_is 200 || die "$(cat readyz)"
    jq -e '.behindSeconds >= 0 and .behindSeconds < 8' readyz >/dev/null || die "$(cat readyz)"
    replica <<<'STOP REPLICA SQL_THREAD'
    rest POST "certificates/$(certificate_id late)/revoke" '{"reason":"keyCompromise"}' >/dev/null
    within 20 ready_is 503 || die "it is ready though its replica does not follow: $(cat readyz)"
    curl -sS "$edge/metrics" >metrics
    awk '$1 == "gatehouse_database_behind_seconds" { exit !($2 >= 8) }' metrics || die "the metric does not say so"
    jq -e '.behindSeconds >= 8 and (.checks[] | select(.name == "database-age") | .ok | not)' readyz >/dev/null ||
        die "$(cat readyz)"
    for leaf in good late; do
        says $leaf | grep -q trylater || die "an answer by what is too old: $(says $leaf)"
    done
    curl -sSf -o /dev/null "$edge/crl/$ca.crl" || die "the CRL goes on to its end"
    replica <<<'START REPLICA SQL_THREAD'
    within 20 ready_is 200 || die "it does not come back: $(cat readyz)"
    expect "what was revoked meanwhile" "$(says late)" revoked
    shown "a replica that no longer follows: readyz and the metric say how far it is behind; beyond most-behind it is not ready
          and OCSP says tryLater, never what was; CRLs go on; it follows again, and knows what was revoked meanwhile"
}

refuses_to_start() {
    ! "$bin/gatehouse" serve "${options[@]}" --https "127.0.0.1:$(free_port)" >/dev/null 2>err || die "it starts with TLS"
    grep -q 'set https = none' err || die "$(cat err)"
    ! "$bin/gatehouse" serve "${options[@]}" --mode reading >/dev/null 2>err || die "an unknown mode"
    grep -q 'mode is full or validation' err || die "$(cat err)"
    shown "a TLS listener and an unknown mode are refused, and it says what to do"
}

begin
start_source
ca=$(make_ca Issuing '{"type":"EC","curve":"P-256"}')
rest GET "cas/$ca/certificate?format=pem" >ca.pem
for leaf in good bad late; do
    make_csr P-256 "$leaf" "$leaf.example.test"
    submit_and_sign "$ca-web-server" "$leaf"
done
# The first question has the OCSP certificate made, where it can be.
"$openssl" ocsp -issuer ca.pem -cert good.pem -url "$GATEHOUSE_HTTP_URL/ocsp/$ca" -CAfile ca.pem 2>&1 | grep -q '^good.pem: good' ||
    die "the writing node does not answer"
start_edge
answers
lists
nothing_else
what_it_cannot_do
behind
refuses_to_start
finish

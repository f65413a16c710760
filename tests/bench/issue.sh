# Issuing over REST in tests/bench/run, beside what it is made of and beside cfssl. Sourced.
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, bin, instance, openssl, rounds, seconds and work are run's

# cfssl with a P-256 authority of its own, over plain HTTP: cfssl_start DIRECTORY [DATABASE]. Its schema is cfssl's own for
# SQLite, of Debian 12 and the columns that later ones have beside it; a COMMIT is durable there as SQLite is by itself.
cfssl_start() {
    local -a with=()
    mkdir "$1"
    "$openssl" ecparam -name prime256v1 -genkey -noout -out "$1/ca.key"
    "$openssl" req -x509 -new -key "$1/ca.key" -subj "/CN=cfssl" -days 3000 -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$1/ca.pem"
    printf '{"signing": {"default": {"expiry": "2160h", "usages": ["signing", "server auth"]}}}' >"$1/config.json"
    if [ -n "${2:-}" ]; then
        sqlite3 "$2" 'CREATE TABLE certificates (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL,
            ca_label blob, status blob NOT NULL, reason int, expiry timestamp, revoked_at timestamp, pem blob NOT NULL,
            issued_at timestamp, not_before timestamp, metadata text, sans text, common_name text,
            PRIMARY KEY (serial_number, authority_key_identifier));
          CREATE TABLE ocsp_responses (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, body blob NOT NULL,
            expiry timestamp, PRIMARY KEY (serial_number, authority_key_identifier),
            FOREIGN KEY (serial_number, authority_key_identifier) REFERENCES certificates);'
        jq -n --arg file "$2" '{driver: "sqlite3", data_source: $file}' >"$1/db.json"
        with=(-db-config "$1/db.json")
    fi
    cfssl_port=$(free_port)
    cfssl serve -loglevel 3 -address 127.0.0.1 -port "$cfssl_port" -ca "$1/ca.pem" -ca-key "$1/ca.key" \
        -config "$1/config.json" "${with[@]}" >"$1/log" 2>&1 &
    cfssl_pid=$!
    other_pids+=("$cfssl_pid")
    within 10 cfssl_signs || die "cfssl: $(tail -n 5 "$1/log")"
}

cfssl_signs() {
    curl -sS --fail --data @cfssl.json "http://127.0.0.1:$cfssl_port/api/v1/cfssl/sign" 2>/dev/null |
        jq -e '.success and (.result.certificate | startswith("-----BEGIN CERTIFICATE-----"))' >/dev/null
}

# Good answers a second. Clients that SQLite makes wait for long are waited for; what it refuses ("locked") does not count.
cfssl_load() {
    BODY=cfssl.json TYPE=application/json COUNT_LUA=$here/count.lua wrk -t 2 -c 16 -d "${seconds}s" --timeout 20s \
        -s "$here/post.lua" "http://127.0.0.1:$1/api/v1/cfssl/sign" | awk '/^good / { print $3 }' | grep . ||
        die "cfssl: wrk counted nothing"
}

# What there would be if issuing in one process and the bare transaction of the same rows were all that takes any time:
# 1/(1/issue + 1/transaction), by the clock and a second of processor time. After the transactions' figures.
measure_floor() { # ROW
    local rate per_cpu
    read -r rate per_cpu < <("$bin/bench_certify" "$seconds" "$(nproc)" order.csr order.pem)
    printf 'in one process, with nothing else: %s certificates/s, %s a CPU s\n' "$rate" "$per_cpu"
    tail -n 1 figures | awk -F'\t' -v row="$1" -v OFS='\t' -v rate="$rate" -v cpu="$per_cpu" \
        '{ print row, "bare", 1 / (1 / rate + 1 / $3), 1 / (1 / cpu + 1 / $4) }' >figures.more
    cat figures.more >>figures && rm figures.more
}

# beside ROW OTHER...: what ours was in the first row stands in the others, too.
beside() {
    local row=$1 other
    shift
    for other in "$@"; do
        awk -F'\t' -v row="$row" -v other="$other" -v OFS='\t' \
            '$1 == row && $2 == "ours" { print other, $2, $3, $4 }' figures
    done >figures.more
    cat figures.more >>figures && rm figures.more
}

# One connection pool's worth of clients on all sides; ours and the transactions wait for the same COMMIT.
bench_issue() {
    local row="certificates/s, P-256 under P-256, 16 clients" ca database i whole sqlite_pid sqlite_port
    local floor="certificates/s, of what the two parts allow" alone="certificates/s, cfssl without a database"
    local sqlite="certificates/s, cfssl with SQLite"
    need cfssl sqlite3
    ca=$(make_ca "Bench" '{"type":"EC","curve":"P-256"}')
    make_csr P-256 order order.example.test
    jq -Rs '{csr: ., issue: true}' order.csr >order.json
    jq -Rs '{certificate_request: .}' order.csr >cfssl.json
    rest POST "templates/$ca-web-server/requests" @order.json | jq -er .certificate.pem >order.pem
    export ORDER=order.json TOKEN=$GATEHOUSE_TOKEN
    database=$(cat "$instance/db/mariadbd.pid")
    cfssl_start cfssl-sqlite "$work/cfssl.db"
    sqlite_pid=$cfssl_pid sqlite_port=$cfssl_port
    cfssl_start cfssl-alone
    for ((i = 0; i < rounds; i++)); do
        timed "$row" ours "$(gateway_pid) $(signer_pid) $database" load 2 16 "$here/issue.lua" \
            "$GATEHOUSE_URL/api/v1/templates/$ca-web-server/requests"
        # The inserting program is a client, as wrk is; its processor time does not count.
        timed "$row" bare "$database" "$bin/bench_insert" "$seconds" 16 "$instance/db/db.sock" root "" gatehouse
        measure_floor "$floor"
        timed "$sqlite" bare "$sqlite_pid" cfssl_load "$sqlite_port"
        timed "$alone" bare "$cfssl_pid" cfssl_load "$cfssl_port"
    done
    beside "$row" "$floor" "$sqlite" "$alone"
    at_least "$floor" 0.7
    at_least "$sqlite" 3
    # What of that is policy and lint, by the processor time of an issuance in all processes.
    whole=$(awk -F '\t' -v row="$row" '$2 == "ours" && $1 == row { print 1e6 / $4 }' figures | sort -n |
        awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')
    "$bin/bench_policy" 5000 "$whole" || die "policy and lint cost more than they may"
}

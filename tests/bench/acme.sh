# ACME in tests/bench/run: whole orders and nonces a second beside Pebble, which keeps nothing on disk, and whether a full
# database slows them. Sourced.
# shellcheck shell=bash
# shellcheck disable=SC2154 # here, bin, instance, work, openssl, rounds and seconds are run's

# shellcheck source=tests/interop/acme.sh
. "$here/../interop/acme.sh"

# What the database did: statements, commits.
acme_counters() {
    sql_root "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_commit', 'Questions')" | awk '{ print $2 }' | xargs
}
sql_root() { mariadb --no-defaults -N -S "$instance/db/db.sock" -u root gatehouse -e "$1"; }

acme_rate() { # CLIENTS [nonces]
    acme_binding "$policy" "bench" '{"uses": 1}'
    "$bin/bench_acme" "$directory" "$GATEHOUSE_TLS_CERT" "$kid" "$hmac" "$1" "$seconds" "${@:2}"
}

# Pebble with every check answered yes, no pauses, no refused nonces, and proved names used again, as ours are approved.
start_pebble() {
    have pebble || die "pebble is missing: apt-get install pebble"
    pebble_port=$(free_port)
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout pebble.key -out pebble.pem \
        -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost" 2>/dev/null
    jq -n --arg listen "127.0.0.1:$pebble_port" --arg management "127.0.0.1:$(free_port)" \
        --arg certificate "$work/pebble.pem" --arg key "$work/pebble.key" '{pebble: {listenAddress: $listen,
          managementListenAddress: $management, certificate: $certificate, privateKey: $key, httpPort: 80, tlsPort: 443,
          ocspResponderURL: "", externalAccountBindingRequired: false}}' >pebble.json
    PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=100 \
        pebble -config pebble.json >pebble.log 2>&1 &
    pebble=$!
    other_pids+=("$pebble")
    within 20 curl -s -o /dev/null --cacert pebble.pem "https://localhost:$pebble_port/dir" ||
        die "Pebble does not start: $(tail -n 5 pebble.log)"
}

pebble_rate() { # CLIENTS
    "$bin/bench_acme" "https://localhost:$pebble_port/dir" pebble.pem - - "$1" "$seconds"
}

# acme_row ROW CLIENTS pebble|alone [nonces]: ours, and Pebble in turns with it.
acme_row() {
    local pids i before after
    pids="$(gateway_pid) $(signer_pid) $(cat "$instance/db/mariadbd.pid")"
    for ((i = 0; i < rounds; i++)); do
        before=$(acme_counters)
        timed "$1" ours "$pids" acme_rate "$2" "${@:4}"
        after=$(acme_counters)
        [ "$3" = alone ] || timed "$1" bare "$pebble" pebble_rate "$2"
        printf '%s: statements and commits before %s, after %s\n' "$1" "$before" "$after" >>acme.counters
    done
    [ "$3" = alone ] || at_least "$1" 1
}

# COUNT orders and authorizations of one account, so that indexes are as deep as they get: fill-account ACCOUNT-URL.
make_fill() { # COUNT
    cat >fill-account <<EOF
#!/bin/bash
id=\${1##*/}
mariadb --no-defaults -N -S "$instance/db/db.sock" -u root gatehouse -e "
  SET foreign_key_checks = 0, unique_checks = 0;
  INSERT INTO acme_orders (id, account_id, policy_id, template_id, state, identifiers, authorizations, profile,
    not_before_us, not_after_us, expires_us, problem, certificate_id, created_us, changed_us)
  SELECT UNHEX(CONCAT('0190', LPAD(HEX(s.seq), 8, '0'), '7', SUBSTR(MD5(s.seq), 1, 19))), a.id, a.policy_id,
    o.template_id, 3, o.identifiers, o.authorizations, '', 0, 0, o.expires_us, '', UNHEX(MD5(s.seq)),
    o.created_us, o.changed_us
  FROM seq_1_to_$1 s, (SELECT * FROM acme_orders LIMIT 1) o, acme_accounts a WHERE a.id = UNHEX(REPLACE('\$id', '-', ''));
  INSERT INTO acme_authorizations (id, account_id, policy_id, kind, identifier, wildcard, state, expires_us,
    challenges, work_us, revision, created_us)
  SELECT UNHEX(CONCAT('0190', LPAD(HEX(s.seq), 8, '0'), '7', SUBSTR(MD5(s.seq), 1, 19))), a.id, a.policy_id, 1,
    CONCAT('n', s.seq, '.bench.test'), 0, 2, o.expires_us, '[]', 0, 1, o.created_us
  FROM seq_1_to_$1 s, (SELECT * FROM acme_orders LIMIT 1) o, acme_accounts a WHERE a.id = UNHEX(REPLACE('\$id', '-', ''));"
EOF
    chmod +x fill-account
}

# acme_of_one_account ROW COUNT: the rate with so many orders of the very account beside the best of the row; half is too few.
acme_of_one_account() {
    local rate usual
    make_fill "$2"
    rate=$(acme_rate 16 after "$work/fill-account") || exit 1
    usual=$(awk -F'\t' -v row="$1" '$1 == row && $2 == "ours" && $3 > m { m = $3 } END { print m }' figures)
    printf 'ACME orders/s, 16 clients, %s orders of that account: %s; without them: %s\n' "$2" "$rate" "$usual"
    awk -v a="$rate" -v b="$usual" 'BEGIN { exit 2 * a < b }' || die "orders of an account that has many take too long"
}

bench_acme() {
    root=$(make_ca "ACME Root" '{"type":"EC","curve":"P-384"}')
    template=$(make_ca "ACME Issuing" '{"type":"EC","curve":"P-256"}' "$root")-web-server
    acme_door "$template"
    directory=$GATEHOUSE_URL/acme/directory
    policy=$(acme_policy bench '{"preapproved": ["**.bench.test"], "limits": {"identifiersPerOrder": 1}}')
    start_pebble
    acme_row "ACME orders/s, 1 client (bare: Pebble)" 1 pebble
    acme_row "ACME orders/s, 4 clients (bare: Pebble)" 4 pebble
    acme_row "ACME orders/s, 16 clients (bare: Pebble)" 16 pebble
    acme_row "ACME nonces/s, 16 clients" 16 alone nonces
    acme_of_one_account "ACME orders/s, 16 clients (bare: Pebble)" "${ACME_FILL:-1000000}"
    acme_row "ACME orders/s, 16, a million kept (bare: Pebble)" 16 pebble
}

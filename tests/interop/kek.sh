#!/bin/bash
# The key-encryption keys: rotation while signing goes on, through kill -9, over two nodes with tokens of their own; a
# new one in the hands of five people, three of whom bring it to the second node; the inventory of keys, and destruction.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

sql() { mariadb --no-defaults --socket="$instance/db/db.sock" --user=root --batch --skip-column-names gatehouse; }
kek() { "$bin/gatehouse" kek "$@"; }
state() { kek status --output json >"$work/kek.json" && jq -r .rotation.state "$work/kek.json"; }
state_is() { [ "$(state)" = "$1" ]; }
active() { jq -r '.keks[] | select(.active) | .id' "$work/kek.json"; }
# How many wrapped keys the database holds under another KEK than this one: the truth, from the blobs.
under_another() {
    sql <<<"SELECT COUNT(*) FROM private_keys WHERE wrapped <> '' AND HEX(SUBSTRING(wrapped, 7, 16)) <> UPPER('$1')"
}
uses_of() { rest GET "private-keys?limit=500" | jq --arg user "CA $1" '[.items[] | select(.usedBy | index($user))][0]'; }

make_many() {
    for i in {1..5}; do
        cas+=("$(make_ca "Many $i" '{"type":"EC","curve":"P-256"}')")
    done
    cas+=("$(make_ca "Many RSA" '{"type":"RSA","bits":2048}')")
    for i in {1..8}; do
        keys+=("$(rest POST keys '{"name":"k","key":{"type":"EC","curve":"P-256"}}' | jq -r .id)")
    done
}

# Every key signs: those of CAs a new CRL, those of people a CSR.
all_sign() {
    local ca key
    for ca in "${cas[@]}"; do
        rest POST "cas/$ca/crl" >"$work/answer" || die "$ca signs no CRL"
    done
    for key in "${keys[@]}"; do
        rest POST "keys/$key/csr" '{"subject":{"CN":"x"}}' | jq -er .csr | "$openssl" req -noout -verify >/dev/null 2>&1 ||
            die "key $key signs no CSR"
    done
}

# Signs until it is told to stop; each line is a status.
sign_along() {
    while [ ! -e "$work/enough" ]; do
        rest_status POST "keys/${keys[RANDOM % 8]}/csr" '{"subject":{"CN":"x"}}' 2>>"$work/along.err" || true
        echo
    done >>"$work/along"
}

rotate_under_load() {
    local before
    state >/dev/null
    before=$(active)
    sign_along &
    other_pids+=($!)
    along=$!
    kek rotate --output json >"$work/kek.json"
    within 20 state_is 'done' || die "the rotation does not end: $(cat "$work/kek.json")"
    touch "$work/enough"
    wait "$along"
    [ "$(active)" != "$before" ] || die "the same key-encryption key is active"
    expect "keys under another KEK" "$(under_another "$(active)")" 0
    expect "statuses while it went on" "$(sort -u "$work/along" | grep -v '^$' | tr '\n' ' ')" "200 "
    expect "progress" "$(jq '.rotation.keys == .rotation.done and .rotation.keys >= 14' "$work/kek.json")" true
    shown "$(jq .rotation.keys "$work/kek.json") keys wrapped anew while $(grep -c 200 "$work/along") signatures were made; none failed"
}

rotate_and_kill() {
    local round signer
    for round in 1 2 3 4; do
        kek rotate --output json >"$work/kek.json"
        sleep "0.$((round * 2))"
        if [ $((round % 2)) = 1 ]; then
            "$gateway_sh" kill-gateway "$instance"
            start_gateway
        else
            signer=$(signer_pid)
            kill -9 "$signer"
        fi
        within 30 state_is 'done' || die "round $round: the rotation does not go on: $(cat "$work/kek.json")"
        expect "round $round: keys under another KEK" "$(under_another "$(active)")" 0
    done
    all_sign
    shown "four rotations through kill -9 of gateway or signer end by themselves; all ${#cas[@]} CAs and ${#keys[@]} people's keys sign"
    expect "events" "$(rest GET 'events?code=kek.rotated' | jq '.items | length')" 5
    rest GET 'events?code=kek.rotated' | jq -e '.items[0].details.keys >= 14' >/dev/null || die "the event has no number"
}

remove_old() {
    local old
    old=$(jq -r '[.keks[] | select(.active | not)][0].id' "$work/kek.json")
    kek remove "$(active)" 2>"$work/err" && die "the active one is removed"
    grep -q kek-in-use "$work/err" || die "another reason: $(cat "$work/err")"
    kek remove "$old" 2>"$work/err" && die "one is removed right after the rotation"
    # A minute later.
    sql <<<"UPDATE settings SET value = JSON_SET(value, '\$.settled', CAST(JSON_VALUE(value, '\$.settled') AS INTEGER) - 61000000) WHERE name = 'kek'"
    kek remove "$old" || die "an old one is not removed"
    state >/dev/null
    expect "the removed one" "$(jq --arg old "$old" '[.keks[] | select(.id == $old and .here)] | length' "$work/kek.json")" 0
    signer=$(signer_pid)
    kill -9 "$signer" # what was unwrapped is gone with it
    all_sign
    shown "the active key-encryption key is not removed; one that wraps nothing is, and all keys sign"
}

# --- two nodes ---

start_second() {
    [ -d "$work/second" ] || cp -a "$instance/data" "$work/second"
    : >"$work/second.out"
    "$bin/gatehouse" serve --db "$GATEHOUSE_DB" --data "$work/second" --http none --https "127.0.0.1:$second_port" \
        --jobs-interval 1 --public-url "$GATEHOUSE_HTTP_URL" --public-https-url "$GATEHOUSE_URL" --public-name localhost \
        </dev/null >"$work/second.out" 2>>"$work/second.log" &
    second=$!
    other_pids+=("$second")
    within 60 grep -q '^ready:' "$work/second.out" || die "the second node does not start: $(tail -3 "$work/second.log")"
}

on_second() { GATEHOUSE_URL=https://localhost:$second_port rest "$@"; }

join_second() { "$bin/gatehouse" kek join "$@" --data "$work/second" --db "$GATEHOUSE_DB" 2>"$work/err"; }

split_and_join() {
    local id made
    mkdir -m 700 shares
    id=$("$bin/gatehouse" kek split 3/5 "$work/shares" --data "$instance/data" --db "$GATEHOUSE_DB" 2>"$work/split.err") ||
        die "no shares: $(cat "$work/split.err")"
    expect "shares" "$(stat -c %a shares/kek-share-?-of-5.txt | sort -u) $(find shares -type f | wc -l)" "600 5"
    ! grep -rhoE '^ghk1-.*' shares | grep -qFf - "$instance/serve.log" "$work/split.err" || die "a share is in the log"
    shown "gatehouse kek split 3/5: five files of mode 0600, nothing of them in the log"

    kek rotate --kek "$id" --output json >"$work/kek.json"
    sleep 2
    expect "the rotation waits" "$(state)" waiting
    expect "and says for whom" "$(jq -r '[.nodes[] | select(.lacksKek) | .name] | join(" ")' "$work/kek.json")" \
        "$(hostname):$work/second"
    made=$(make_ca "Made meanwhile" '{"type":"EC","curve":"P-256"}')
    on_second POST "cas/$made/crl" >/dev/null || die "the second node cannot use a key that was made meanwhile"
    shown "the rotation waits for the node that lacks the key; keys made meanwhile are good on both"

    ! join_second shares/kek-share-1-of-5.txt shares/kek-share-4-of-5.txt || die "two shares are enough"
    grep -q '2 of the 3 shares that are needed were given: 1 more' "$work/err" || die "two shares: $(cat "$work/err")"
    sed 's/^\(ghk1-.*-\)\(.\)\(.\)\(.*-\)/\1\3\2\4/' shares/kek-share-5-of-5.txt >wrong.txt
    cmp -s wrong.txt shares/kek-share-5-of-5.txt && sed -i 's/^\(ghk1-.*\)..$/\100/' wrong.txt
    ! join_second shares/kek-share-1-of-5.txt shares/kek-share-4-of-5.txt wrong.txt || die "a wrong share is taken"
    grep -q 'wrong.txt is mistyped' "$work/err" || die "a wrong share: $(cat "$work/err")"
    expect "the id" "$(join_second shares/kek-share-5-of-5.txt shares/kek-share-1-of-5.txt shares/kek-share-4-of-5.txt)" "$id"
    within 20 state_is 'done' || die "the rotation does not go on: $(cat "$work/kek.json")"
    expect "active" "$(active)" "$id"
    expect "keys under another KEK" "$(under_another "$id")" 0
    signer=$(signer_pid)
    kill -9 "$signer"
    for ca in "${cas[@]}"; do
        on_second POST "cas/$ca/crl" >/dev/null || die "the second node cannot use $ca"
    done
    kill "$second"
    within 20 gone "$second" || die "the second node does not stop"
    start_second
    on_second POST "cas/$made/crl" >/dev/null || die "the second node cannot use $made after a restart"
    shown "two shares are too few, a mistyped one is named, three bring the key to the second node: it signs with every key"
}

# The format stands in docs/keys.md: whoever has three shares needs nothing of ours.
join_by_hand() {
    need python3
    python3 -B - "$work"/shares/kek-share-{2,3,5}-of-5.txt <<'PY' || die "the shares do not join by hand"
import hashlib, re, sys

def multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product

def inverse(a):
    return next(b for b in range(256) if multiply(a, b) == 1)

shares = []
for name in sys.argv[1:]:
    text = re.search(r"ghk1-\S+", open(name, encoding="ascii").read()).group()
    head, _, total = text.rpartition("-")
    assert hashlib.sha256(head.encode()).hexdigest()[:8] == total
    _, k, n, x, kek, splitting, proof, value = head.split("-")
    shares.append((int(x), bytes.fromhex(value)))
key = bytearray(32)
for x, value in shares:
    weight = 1
    for other, _ in shares:
        if other != x:
            weight = multiply(weight, multiply(other, inverse(other ^ x)))
    for i in range(32):
        key[i] ^= multiply(value[i], weight)
assert hashlib.sha256(b"gatehouse-kek-proof" + bytes.fromhex(kek) + key).hexdigest()[:16] == proof
PY
    shown "three shares joined by twenty lines of Python give the same key"
}

# --- inventory and destruction ---

count_uses() {
    local before after
    before=$(uses_of "${cas[0]}")
    for _ in 1 2 3; do
        rest POST "cas/${cas[0]}/crl" >/dev/null
    done
    sleep 5
    after=$(uses_of "${cas[0]}")
    [ $(($(jq .uses <<<"$after") - $(jq .uses <<<"$before"))) -ge 3 ] || die "uses: $before, then $after"
    jq -e '.lastUsedAt != null and .location == "database" and .kek != null' <<<"$after" >/dev/null || die "$after"
    shown "the inventory has every key with location, algorithm, users, and how often it was used: $(jq .uses <<<"$after")"
}

destroy_one() {
    local id print
    id=$(uses_of "${cas[1]}" | jq -r .id)
    print=$(uses_of "${cas[1]}" | jq -r .fingerprint)
    expect "in use" "$(rest_status POST "private-keys/$id/destroy" "{\"fingerprint\":\"$print\"}")" 409
    rest DELETE "cas/${cas[1]}?confirm=Many%202" >/dev/null
    expect "another fingerprint" "$(rest_status POST "private-keys/$id/destroy" "{\"fingerprint\":\"${print:1}0\"}")" 422
    expect "wrapped before" "$(sql <<<"SELECT LENGTH(wrapped) > 100 FROM private_keys WHERE HEX(fingerprint) = UPPER('$print')")" 1
    rest POST "private-keys/$id/destroy" "{\"fingerprint\":\"$print\"}" | jq -e '.location == "destroyed"' >/dev/null ||
        die "not destroyed"
    expect "wrapped after" "$(sql <<<"SELECT LENGTH(wrapped) FROM private_keys WHERE HEX(fingerprint) = UPPER('$print')")" 0
    expect "the event" "$(rest GET "events?code=key.destroyed" | jq -r '.items[0].details.fingerprint')" "$print"
    expect "once more" "$(rest_status POST "private-keys/$id/destroy" "{\"fingerprint\":\"$print\"}")" 409
    shown "a key in use is not destroyed; one that is not is gone from the database, and the event has its fingerprint"
}

begin
second_port=$(free_port)
start_instance --jobs-interval 1
cas=() keys=()
make_many
rotate_under_load
rotate_and_kill
remove_old
start_second
split_and_join
join_by_hand
count_uses
destroy_one
finish

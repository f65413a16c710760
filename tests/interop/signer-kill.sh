#!/bin/bash
# kill -9 of the signer, a hundred times, in the middle of whole answers: certificates, OCSP and timestamps. Whatever
# was answered is right, what was not says so, and no key is lost. Then its disk is full: it signs on, makes no
# key-encryption key, and says why.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

kills=${1:-100}

# no_answer EXIT: a TLS handshake whose signature was lost with two signers ends in an alert, which says "later" as well.
no_answer() { if [ "$1" = 35 ]; then echo 503; else echo 000; fi; }

# ask KIND CURL-ARGUMENTS...: one answer after the other until it is enough, each in a file of its own, its number and
# status in the file "statuses". What curl did not get whole has status 000.
ask() {
    local kind=$1 n=0 status
    shift
    mkdir "$kind"
    trap - EXIT
    while [ ! -e enough ]; do
        n=$((n + 1))
        status=$(curl -sS --max-time 30 "$@" -o "$kind/$n" -w '%{http_code}' 2>>errors) || status=$(no_answer $?)
        printf '%s %s\n' "$n" "$status" >>"$kind/statuses"
        sleep 0.03
    done
}

certificates() {
    ask issue --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        -H 'Content-Type: application/json' --data-binary @order.json "$GATEHOUSE_URL/api/v1/templates/$ca-web-server/requests"
}
statuses() { ask ocsp -H 'Content-Type: application/ocsp-request' --data-binary @ocsp.req "$GATEHOUSE_HTTP_URL/ocsp/$ca"; }
timestamps() {
    ask stamp -H 'Content-Type: application/timestamp-query' --data-binary @stamp.req "$GATEHOUSE_HTTP_URL/tsa/$ca"
}

all_statuses() { cat issue/statuses ocsp/statuses stamp/statuses 2>/dev/null; }
answers() { all_statuses | grep -c ' 20[01]$' || true; }

# until_more_than NUMBER: of answers; `within` looks too seldom.
until_more_than() {
    local turn
    for turn in {1..500}; do
        [ "$(answers)" -le "$1" ] || return 0
        sleep 0.02
    done
    die "after $turn looks there is no answer any more: $(tail -n 2 errors)"
}

kill_under_load() {
    local round victim before
    for ((round = 0; round < kills; round++)); do
        before=$(answers)
        until_more_than "$before"
        sleep "0.0$((RANDOM % 10))"
        victim=$(signer_pid) && kill -KILL "$victim" || round=$((round - 1)) # the next one is on its way
    done
    touch enough
    for pid in "${other_pids[@]}"; do
        within 40 gone "$pid" || die "a client does not end"
    done
}

# The files of a kind's answers with that status.
files() { sed -n "s|^\(.*\) $2\$|$1/\1|p" "$1/statuses"; }
other_statuses() { all_statuses | sed 's/.* //' | sort -u | grep -vxE '200|201|503' || true; }

check_issue() {
    local file
    for file in $(files issue 201); do
        jq -er .certificate.pem "$file" >"$file.pem" || die "certificate $file: $(cat "$file")"
    done
    "$openssl" verify -CAfile ca.pem issue/*.pem >verify.out 2>&1 || die "certificates: $(grep -v ': OK' verify.out | head -n 3)"
    expect "right certificates" "$(grep -c ': OK' verify.out)" "$(files issue 201 | wc -l)"
    for file in $(files issue 503); do
        jq -e '.type | test("signer|peer")' "$file" >/dev/null || die "503 without a reason: $(cat "$file")"
    done
}

# A nonce has every answer signed anew; tryLater (5 octets, RFC 6960 section 4.2.1) is what may come instead.
check_ocsp() {
    local file good=0
    for file in $(files ocsp 200); do
        [ "$(xxd -p "$file")" != 30030a0103 ] || continue
        "$openssl" ocsp -reqin ocsp.req -no_nonce -respin "$file" -issuer ca.pem -cert leaf.pem -CAfile ca.pem >ocsp.out 2>&1 || true
        grep -q '^Response verify OK' ocsp.out && grep -q '^leaf.pem: good' ocsp.out && ! grep -qi 'nonce' ocsp.out ||
            die "OCSP answer $file: $(cat ocsp.out)"
        good=$((good + 1))
    done
    ocsp_good=$good
}

check_stamps() {
    local file good=0
    for file in $(files stamp 200); do
        if "$openssl" ts -verify -queryfile stamp.req -in "$file" -CAfile ca.pem >stamp.out 2>&1; then
            good=$((good + 1))
        else
            "$openssl" ts -reply -in "$file" -text 2>/dev/null | grep -q 'Failure info: .*system' ||
                die "timestamp $file: $(cat stamp.out)"
        fi
    done
    stamps_good=$good
}

check_keys() {
    local key
    for key in "${keys[@]}"; do
        rest POST "keys/$key/csr" '{"subject":{"CN":"x"}}' | jq -er .csr | "$openssl" req -noout -verify >/dev/null 2>&1 ||
            die "key $key is lost"
    done
    make_csr P-256 last last.example.test
    submit_and_sign "$ca-web-server" last
    "$openssl" verify -CAfile ca.pem last.pem >/dev/null || die "the CA's key is lost"
}

limit_files() { prlimit --pid "$(signer_pid)" "--fsize=$1:"; }

disk_full() {
    limit_files 100
    "$bin/gatehouse" kek rotate 2>err && die "a key-encryption key is made on a full disk"
    grep -q 'has no room left' err || die "another reason: $(cat err)"
    check_keys
    limit_files unlimited
    "$bin/gatehouse" kek rotate >/dev/null || die "no key-encryption key though there is room"
    check_keys
    shown "a full disk: no new key-encryption key, with the reason; all keys sign; with room again it is made"
}

begin
need prlimit
start_instance --log-level warn
ca=$(make_ca "Kill" '{"type":"EC","curve":"P-256"}')
public "/ca/$ca.pem" >ca.pem
keys=()
for i in 1 2 3; do
    keys+=("$(rest POST keys '{"name":"k","key":{"type":"EC","curve":"P-256"}}' | jq -r .id)")
done
make_csr P-256 leaf leaf.example.test
submit_and_sign "$ca-web-server" leaf
jq -Rs '{csr: ., issue: true}' leaf.csr >order.json
"$openssl" ocsp -issuer ca.pem -cert leaf.pem -reqout ocsp.req >/dev/null
"$openssl" ts -query -data leaf.csr -sha256 -cert -out stamp.req 2>/dev/null
for load in certificates statuses timestamps; do
    "$load" &
    other_pids+=($!)
done
kill_under_load
[ -z "$(other_statuses)" ] || die "other statuses: $(other_statuses | tr '\n' ' ')$(sort errors | uniq -c)"
check_issue
check_ocsp
check_stamps
certificates=$(files issue 201 | wc -l)
for count in "$certificates" "$ocsp_good" "$stamps_good"; do
    [ "$count" -ge "$((kills / 5))" ] || die "only $count answers of a kind: too few to tell"
done
shown "kill -9 of the signer $kills times under load: $certificates certificates, $ocsp_good OCSP answers, \
$stamps_good timestamps, all right; $(all_statuses | grep -c ' 503$' || true) answers say \"later\""
check_keys
shown "no key is lost: the CA's and those of people sign"
disk_full
finish

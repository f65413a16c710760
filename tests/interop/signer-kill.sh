#!/bin/bash
# kill -9 of the signer, a hundred times, in the middle of whole answers: certificates, OCSP and timestamps; of an agent as
# well, of its signer and of the process of its module, under certificates of a CA whose key is in its token. Whatever
# was answered is right, what was not says so, and no key is lost. Then the signer's disk is full: it signs on, makes no
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
by_agent() {
    ask agent --cacert "$GATEHOUSE_TLS_CERT" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        -H 'Content-Type: application/json' --data-binary @order.json "$GATEHOUSE_URL/api/v1/templates/card-web-server/requests"
}
timestamps() {
    ask stamp -H 'Content-Type: application/timestamp-query' --data-binary @stamp.req "$GATEHOUSE_HTTP_URL/tsa/$ca"
}

all_statuses() { cat {issue,agent,ocsp,stamp}/statuses 2>/dev/null; }
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

# ---- an agent -------------------------------------------------------------------------------------

softtoken=../lib/gatehouse/gatehouse-softtoken.so

make_card() {
    "$interop_root/softhsm-fixtures/softtoken" "$work/card" "$bin/$softtoken" card >card.env || die "no token"
    GATEHOUSE_SOFTTOKEN_DIR=$work/card/tokens pkcs11-tool --module "$bin/$softtoken" --token-label card --login \
        --pin "$(cat card/token.pin)" --keypairgen --key-type EC:prime256v1 --id 01 --label ca >card.log 2>&1 ||
        die "no key: $(tail -n 3 card.log)"
}

# As systemd does it: one ends, the next is started. Its process id is in agent.pid.
keep_agent() {
    trap - EXIT
    while [ ! -e ended ]; do
        "$bin/gatehouse-agent" --state "$work/state" --gateway "127.0.0.1:$agents_port" --token-dir "$work/card/tokens" \
            --module "local=$bin/$softtoken" --pin "card=$work/card/token.pin" >>agent.log 2>&1 &
        echo $! >agent.pid
        wait $! || true
    done
}

agent_is_up() {
    rest GET "agents/$(jq -r .id desk.json)" | jq -e '.state == "connected" and .problem == null and
        ([.tokens[] | select(.label == "card" and .problem == null)] | length == 1)' >/dev/null
}

start_agent() {
    make_card
    rest POST agents '{"name":"desk"}' >desk.json
    jq -er .code desk.json >code
    "$bin/gatehouse-agent" --enrol --code-file code --state "$work/state" --gateway "127.0.0.1:$agents_port" >enrol.log 2>&1 ||
        die "the agent does not enrol: $(cat enrol.log)"
    keep_agent 2>/dev/null & # bash tells of each that was killed
    other_pids+=($!)
    within 30 agent_is_up || die "the agent does not come: $(tail -n 3 agent.log)"
    expect "the agent's CA" "$(make_ca card '{"uri":"pkcs11:token=card;object=ca;type=private"}')" card
    public /ca/card.pem >card.pem
}

# child PID: its first one, if it has any.
child() {
    local -a children
    read -ra children <<<"$(cat "/proc/$1/task"/*/children 2>/dev/null | tr -d '\n')"
    [ ${#children[@]} -gt 0 ] && printf '%s' "${children[0]}"
}

# kill_at_agent DEPTH: the agent (0), its signer (1) or the process of its module (2); whoever is not there yet is left out.
kill_at_agent() {
    local victim depth
    victim=$(cat agent.pid)
    for ((depth = 0; depth < $1; depth++)); do
        victim=$(child "$victim") || return 0
    done
    kill -KILL "$victim" 2>/dev/null || return 0
    agent_kills[$1]=$((agent_kills[$1] + 1))
}
agent_kills=(0 0 0)

# ---- all of it ------------------------------------------------------------------------------------

kill_under_load() {
    local round victim before
    for ((round = 0; round < kills; round++)); do
        before=$(answers)
        until_more_than "$before"
        sleep "0.0$((RANDOM % 10))"
        [ $((round % 3)) -ne 0 ] || kill_at_agent $((round / 3 % 3))
        victim=$(signer_pid) && kill -KILL "$victim" || round=$((round - 1)) # the next one is on its way
    done
    touch enough
    for pid in "${clients[@]}"; do
        within 40 gone "$pid" || die "a client does not end"
    done
}

# The files of a kind's answers with that status.
files() { sed -n "s|^\(.*\) $2\$|$1/\1|p" "$1/statuses"; }
other_statuses() { all_statuses | sed 's/.* //' | sort -u | grep -vxE '200|201|503' || true; }

check_issue() { # KIND CA.pem REASON
    local file
    for file in $(files "$1" 201); do
        jq -er .certificate.pem "$file" >"$file.pem" || die "certificate $file: $(cat "$file")"
    done
    "$openssl" verify -CAfile "$2" "$1"/*.pem >verify.out 2>&1 || die "certificates: $(grep -v ': OK' verify.out | head -n 3)"
    expect "right certificates" "$(grep -c ': OK' verify.out)" "$(files "$1" 201 | wc -l)"
    for file in $(files "$1" 503); do
        [ -s "$file" ] || continue # the handshake was lost
        jq -e --arg reason "$3" '.type | test($reason)' "$file" >/dev/null || die "503 without a reason: $(cat "$file")"
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
    within 30 agent_is_up || die "the agent does not come back: $(tail -n 3 agent.log)"
    submit_and_sign card-web-server last
    "$openssl" verify -CAfile card.pem last.pem >/dev/null || die "the key of the agent's CA is lost"
}

issues_again() { [ "$(rest_status POST "templates/$ca-web-server/requests" @order.json)" = 201 ]; }

# From the kill to the next certificate, as one client sees it, with nothing else going on.
back_soon() {
    local turn killed took worst=0
    for turn in 1 2 3 4 5; do
        kill -KILL "$(signer_pid)"
        killed=$(date +%s%N)
        until issues_again; do
            [ $(($(date +%s%N) - killed)) -lt 30000000000 ] || die "no certificate 30 s after the signer was killed: $(tail -n 2 errors)"
            sleep 0.02
        done
        took=$((($(date +%s%N) - killed) / 1000000))
        [ "$took" -le "$worst" ] || worst=$took
    done
    [ "$worst" -lt 5000 ] || die "the next certificate came $worst ms after the signer was killed"
    shown "the signer killed $turn times: the next certificate at the latest $worst ms after it"
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
need prlimit pkcs11-tool
agents_port=$(free_port)
start_instance --log-level warn --agents "127.0.0.1:$agents_port"
start_agent
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
clients=()
for load in certificates statuses timestamps by_agent; do
    "$load" &
    clients+=($!)
done
other_pids+=("${clients[@]}")
kill_under_load
[ -z "$(other_statuses)" ] || die "other statuses: $(other_statuses | tr '\n' ' ')$(sort errors | uniq -c)"
check_issue issue ca.pem 'signer|peer'
check_issue agent card.pem 'signer|peer|token|agent|module'
check_ocsp
check_stamps
certificates=$(files issue 201 | wc -l)
agent_certificates=$(files agent 201 | wc -l)
for count in "$certificates" "$ocsp_good" "$stamps_good" "$((2 * agent_certificates))"; do
    [ "$count" -ge "$((kills / 5))" ] || die "only $count answers of a kind: too few to tell"
done
for count in "${agent_kills[@]}"; do
    [ "$count" -ge "$((kills / 20))" ] || die "only $count kills of a kind at the agent: ${agent_kills[*]}"
done
shown "kill -9 of the signer $kills times under load: $certificates certificates, $ocsp_good OCSP answers, \
$stamps_good timestamps, all right; $(all_statuses | grep -c ' 503$' || true) answers say \"later\""
check_keys
shown "kill -9 of the agent ${agent_kills[0]} times, of its signer ${agent_kills[1]}, of its module's process ${agent_kills[2]}: \
$agent_certificates certificates of the CA in its token, all right"
shown "no key is lost: the CAs', in the agent's token as well, and those of people sign"
back_soon
disk_full
: >ended
finish

#!/bin/bash
# kill -9 of gateway, signer and MariaDB in the middle of issuing: whatever a client was told is there
# afterwards, with its event, and no serial number was used twice.
#
#   crash-durability.sh [ROUNDS]   (each round kills each of the three once; default 3)
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

rounds=${1:-3}
clients=4
batch=25  # requests of one curl process, on one connection
least=100 # acknowledged certificates before each kill

# transfer FILE PATH BODY: one more transfer of a curl configuration; its answer goes to FILE.
transfer() {
    printf 'url = "%s/api/v1/%s"\ndata-binary = "%s"\noutput = "%s"\n' "$GATEHOUSE_URL" "$2" "$3" "$1"
    printf 'cacert = "%s"\nmax-time = 60\nsilent\nheader = "Authorization: Bearer %s"\n' \
        "$GATEHOUSE_TLS_CERT" "$GATEHOUSE_TOKEN"
    printf 'header = "Content-Type: application/json"\nwrite-out = "%%{exitcode} %%{http_code} %%{filename_effective}\\n"\nnext\n'
}

# run_batch NAME STATUS < CONFIGURATION: the files whose answer came whole (curl's exit code 0) with that status.
# What is not among them was not acknowledged.
run_batch() {
    sed '$d' >"$1.curl"
    curl -K "$1.curl" 2>/dev/null | sed -n "s/^0 $2 //p" || true
}

# One client: asks for certificates at full speed and revokes every third of them. It writes down what it was
# told, after it was told.
client() {
    local n=$1 turn=0 i
    local -a files
    trap - EXIT
    while [ ! -e stop ]; do
        turn=$((turn + 1))
        mkdir -p "client.$n/$turn"
        mapfile -t files < <(for ((i = 0; i < batch; i++)); do
            transfer "client.$n/$turn/$i" "templates/$template/requests" @order.json
        done | run_batch "client.$n/issue" 201)
        if [ ${#files[@]} -eq 0 ]; then
            sleep 0.1
            continue
        fi
        jq -er '"\(.certificate.id) \(.certificate.serial) \(.id)"' "${files[@]}" >"client.$n/acked"
        cat "client.$n/acked" >>issued.acked
        mapfile -t files < <(awk 'NR % 3 == 0 { print $1 }' "client.$n/acked")
        [ ${#files[@]} -gt 0 ] || continue
        for i in "${files[@]}"; do
            transfer "client.$n/$turn/$i" "certificates/$i/revoke" '{\"reason\":\"superseded\"}'
        done | run_batch "client.$n/revoke" 200 | sed 's|.*/||' >>revoked.acked
        rm -r "client.$n/$turn"
    done
}

acked() { wc -l <issued.acked; }
more_than() { [ "$(acked)" -gt "$1" ]; }

# Enough was acknowledged since then, so the next blow falls into the middle of work.
under_load() {
    local from
    from=$(acked)
    within 90 more_than $((from + least)) ||
        die "no certificates are issued after $1 ($(acked) acknowledged): $(cat client.*.log)"
    sleep "0.$((RANDOM % 400 + 100))"
}

new_signer() {
    local pid
    pid=$(signer_pid) && [ "$pid" != "$1" ]
}

kill_gateway() {
    local signer
    signer=$(signer_pid) || die "the gateway has no signer"
    "$gateway_sh" kill-gateway "$instance"
    within 15 gone "$signer" || die "the signer outlives its gateway"
    start_gateway
}

kill_signer() {
    local signer
    signer=$(signer_pid) || die "the gateway has no signer"
    kill -KILL "$signer"
    within 60 new_signer "$signer" || die "the gateway did not start its signer again"
    alive "$(gateway_pid)" || die "the gateway died with its signer"
}

kill_database() {
    "$interop_root/tests/lib/mariadb.sh" kill "$instance/db"
    sleep 0.5
    "$interop_root/tests/lib/mariadb.sh" start "$instance/db" >/dev/null
    alive "$(gateway_pid)" || die "the gateway died with its database"
}

# pages PATH JQ-FILTER: the filter's lines over all pages of a list.
pages() {
    local cursor="" page
    while :; do
        page=$(rest GET "$1${cursor:+&cursor=$cursor}") || die "cannot list $1"
        jq -r "$2" <<<"$page"
        cursor=$(jq -r '.next // ""' <<<"$page")
        [ -n "$cursor" ] || break
    done
}

# missing A B: lines of A that are not in B.
missing() { comm -23 <(sort -u "$1") <(sort -u "$2"); }

none_missing() { # WHAT A B
    local lines
    lines=$(missing "$2" "$3")
    [ -z "$lines" ] || die "$1: $(wc -l <<<"$lines") missing, first: $(head -n 3 <<<"$lines" | tr '\n' ' ')"
}

check_certificates() {
    pages 'certificates?limit=500' '.items[] | select(.use == "end-entity") | "\(.id) \(.serial) \(.request)"' >stored
    pages 'certificates?limit=500' '.items[].serial' >serials
    none_missing "acknowledged certificates" issued.acked stored
    shown "$(acked) acknowledged certificates are all there, with serial and request ($(wc -l <stored) stored)"
    [ -z "$(sort serials | uniq -d)" ] || die "a serial was used twice: $(sort serials | uniq -d | head -n1)"
    [ -z "$(cut -d' ' -f2 issued.acked | sort | uniq -d)" ] || die "one serial was acknowledged twice"
    shown "$(wc -l <serials) serials, none used twice"
}

check_requests() {
    pages 'requests?limit=500&state=issued' '.items[] | "\(.id) \(.certificateId)"' >requests
    awk '{ print $3, $1 }' stored >wanted
    none_missing "requests of certificates" wanted requests
    none_missing "certificates of issued requests" requests wanted
    shown "every issued request has its one certificate, and the other way round"
}

check_events() {
    pages 'events?limit=500&code=certificate.issued' '.items[] | select(.outcome == "success") | .object' >issued.events
    cut -d' ' -f1 stored >stored.ids
    none_missing "events of certificates" stored.ids issued.events
    pages 'certificates?limit=500' '.items[].id' >all.ids
    none_missing "certificates of events" issued.events all.ids
    pages 'events?limit=500&code=certificate.revoked' '.items[] | select(.outcome == "success") | .object' >revoked.events
    pages 'certificates?limit=500&state=revoked' '.items[].id' >revoked.stored
    none_missing "events of revocations" revoked.stored revoked.events
    none_missing "revocations of events" revoked.events revoked.stored
    shown "every certificate and every revocation has its event, every event its object"
}

check_revocations() {
    pages 'certificates?limit=500&state=revoked' '.items[].id' >revoked.stored
    none_missing "acknowledged revocations" revoked.acked revoked.stored
    pages 'certificates?limit=500&state=revoked' '.items[].serial' >revoked.serials
    public "/crl/$ca.crl" | "$openssl" crl -inform DER -noout -text |
        sed -n 's/^ *Serial Number: *//p' | tr 'A-F' 'a-f' >crl.serials
    none_missing "revocations in the CRL" revoked.serials crl.serials
    none_missing "the CRL's entries" crl.serials revoked.serials
    shown "$(sort -u revoked.acked | wc -l) acknowledged revocations are all there, and all in the CRL"
}

ready_is() { [ "$(curl -s --max-time 30 "$GATEHOUSE_HTTP_URL/readyz" | jq -r .ready)" = "$1" ]; }

ask_ocsp() { curl -sS --max-time 60 --data-binary @ocsp.req "$GATEHOUSE_HTTP_URL/ocsp/$ca" -o ocsp.der; }

says_revoked() {
    ask_ocsp
    "$openssl" ocsp -respin ocsp.der -noverify -resp_text | grep -q 'Cert Status: revoked'
}

# An OCSP answer that is kept ready must not be given out by a gateway that cannot know whether it still holds.
check_degraded() {
    local id
    id=$(tail -n 1 revoked.acked)
    rest GET "certificates/$id?format=pem" >revoked.pem
    public "/ca/$ca.pem" >ca.pem
    "$openssl" ocsp -issuer ca.pem -cert revoked.pem -no_nonce -reqout ocsp.req >/dev/null
    says_revoked || die "OCSP of a revoked certificate"
    "$interop_root/tests/lib/mariadb.sh" kill "$instance/db"
    sleep 2
    ask_ocsp
    expect "OCSP without the database" "$(xxd -p ocsp.der)" 30030a0103
    expect "healthz without the database" "$(public /healthz)" ok
    within 30 ready_is false || die "readyz says ready without the database"
    expect "readyz names the database" \
        "$(curl -s "$GATEHOUSE_HTTP_URL/readyz" | jq -r '.checks[] | select(.ok | not).name')" database
    "$interop_root/tests/lib/mariadb.sh" start "$instance/db" >/dev/null
    within 30 ready_is true || die "readyz does not recover"
    says_revoked || die "OCSP does not recover"
    shown "without the database: OCSP says tryLater, readyz names it, healthz is ok; with it again all is well"
}

begin
start_instance --log-level warn
ca=$(make_ca "Crash" '{"type":"EC","curve":"P-256"}')
template=$ca-web-server
make_csr P-256 order order.example.test
jq -Rs '{csr: ., issue: true}' order.csr >order.json
: >issued.acked
: >revoked.acked

for n in $(seq "$clients"); do
    client "$n" 2>"client.$n.log" &
    other_pids+=($!)
done
for round in $(seq "$rounds"); do
    for victim in gateway signer database; do
        under_load "the last restart"
        "kill_$victim"
        note "round $round: killed the $victim after $(acked) acknowledged certificates"
    done
done
under_load "the last restart"
for pid in "${other_pids[@]}"; do
    alive "$pid" || die "a client gave up: $(cat client.*.log)"
done
touch stop
for pid in "${other_pids[@]}"; do
    within 70 gone "$pid" || die "a client does not end"
done
shown "$((rounds * 3)) times kill -9 under the load of $clients clients, each time issuing goes on by itself"
check_certificates
check_requests
check_events
check_revocations
check_degraded
finish

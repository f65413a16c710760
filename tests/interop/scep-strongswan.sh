#!/bin/bash
# SCEP as strongSwan's pki speaks it: capabilities, CA certificates, enrolment, polling a pending request, renewal,
# retries over two gateways on one database.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"

check_enrol() { # CA
    local t=$1-devices dir=$work/$1 secret
    pki_ca "$t" "$dir"
    shown "$1: GetCACaps and GetCACert; pki trusts the RA's certificate through the CA's"
    secret=$(challenge "$t")
    pki_enrol "$t" "$dir" first "$secret" || die "pki --scep: $(cat "$work/pki.err")"
    "$openssl" verify -partial_chain -CAfile "$dir/ca.crt" "$dir/first.pem" >/dev/null || die "not from the CA"
    expect "$1: subject" "$(subject_of "$dir/first.pem")" CN=first
    shown "$1: enrolled with a one-time challenge"
    cp "$dir/first.pem" "$dir/kept.pem"
    pki_enrol "$t" "$dir" first "$secret" || die "the retry: $(cat "$work/pki.err")"
    cmp -s "$dir/kept.pem" "$dir/first.pem" || die "$1: the retry got another certificate"
    shown "$1: a device that repeats itself gets the same certificate; the challenge is spent once"
    ! pki_enrol "$t" "$dir" thief "$secret" || die "$1: a spent challenge was good for another key"
    ! pki_enrol "$t" "$dir" guesser 0123456789ABCDEF || die "$1: a wrong challenge was good"
    rm -f "$dir"/{thief,guesser}.*
    expect "$1: refusals in the events" \
        "$(rest GET "events?code=scep.refused&object=$t" | jq '[.items[] | select(.details.type == "bad-challenge")] | length')" 2
    shown "$1: spent and wrong challenges are refused, and the events say so"
}

check_renew() { # CA
    local t=$1-devices dir=$work/$1 old
    old=$(rest GET "certificates?q=$(serial_of "$dir/first.pem")" | jq -er '.items[0].id')
    rest GET "templates/$t" | jq '{name, version, document}' >"$work/t.json"
    mv "$dir/first.key" "$dir/old.key"
    cp "$dir/first.pem" "$dir/old.pem"
    pki_enrol "$t" "$dir" first "" --cert "$dir/old.pem" --key "$dir/old.key" ||
        die "renewal: $(cat "$work/pki.err"; tail -3 "$instance/serve.log")"
    [ "$(serial_of "$dir/first.pem")" != "$(serial_of "$dir/old.pem")" ] || die "$1: not renewed"
    expect "$1: names of the renewed one" "$("$openssl" x509 -in "$dir/first.pem" -noout -ext subjectAltName | tail -1 | tr -d ' ')" \
        DNS:first.example.test
    note "the old certificate is $(rest GET "certificates/$old" | jq -r .state) now, as the template says"
    shown "$1: RenewalReq with the old certificate instead of a challenge, for a new key"
}

check_pending() { # CA
    local t=$1-manual dir=$work/$1-manual pid secret
    pki_ca "$t" "$dir"
    secret=$(challenge "$t")
    pki_enrol "$t" "$dir" waiting "$secret" --interval 1 --maxpolltime 40 &
    pid=$!
    within 20 pending_at "$1" || die "$1: nothing is pending"
    approve "$1"
    wait "$pid" || die "$1: polling: $(cat "$work/pki.err")"
    expect "$1: polled" "$(subject_of "$dir/waiting.pem")" CN=waiting
    shown "$1: pending until an officer approves, then polled"
}
pending_at() { [ "$(rest GET "cas/$1/requests?state=pending" | jq '.items | length')" -gt 0 ]; }

check_two_gateways() {
    local dir=$work/rsa port https secret pid
    port=$(free_port) https=$(free_port)
    secret=$(challenge rsa-devices)
    mapfile -t -d '' words <"/proc/$(gateway_pid)/cmdline"
    second=("${words[@]}")
    for i in "${!second[@]}"; do
        case ${second[i]} in
        --http) second[i + 1]=127.0.0.1:$port ;;
        --https) second[i + 1]=127.0.0.1:$https ;;
        esac
    done
    setsid "${second[@]}" </dev/null >"$work/second.out" 2>"$work/second.log" &
    pid=$!
    other_pids+=("$pid")
    within 30 grep -q '^ready:' "$work/second.out" || die "the second gateway: $(tail -5 "$work/second.log")"
    GATEHOUSE_HTTP_URL=http://127.0.0.1:$port pki_enrol rsa-devices "$dir" both "$secret" || die "second gateway"
    cp "$dir/both.pem" "$dir/both-kept.pem"
    pki_enrol rsa-devices "$dir" both "$secret" || die "first gateway: $(cat "$work/pki.err")"
    cmp -s "$dir/both.pem" "$dir/both-kept.pem" || die "two gateways gave two certificates"
    shown "a client that repeats its request at another gateway of the same database gets the same certificate"
    race "$port" "$dir"
    kill "$pid"
    within 20 gone "$pid" || die "the second gateway does not end"
}

# Two keys, one challenge, two gateways at once: one of them gets a certificate.
race() {
    local secret won=0 a b
    secret=$(challenge rsa-devices)
    pki --gen --type rsa --size 2048 --outform pem >"$2/r1.key" 2>/dev/null
    pki --gen --type rsa --size 2048 --outform pem >"$2/r2.key" 2>/dev/null
    GATEHOUSE_HTTP_URL=http://127.0.0.1:$1 pki_enrol rsa-devices "$2" r1 "$secret" &
    a=$!
    pki_enrol rsa-devices "$2" r2 "$secret" &
    b=$!
    ! wait "$a" || won=$((won + 1))
    ! wait "$b" || won=$((won + 1))
    expect "winners of one challenge" "$won" 1
    shown "one challenge, two gateways at once: one certificate"
}

begin
need pki
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
make_ca ec '{"type":"EC","curve":"P-256"}' >/dev/null
for ca in rsa ec; do
    scep_template $ca devices role >/dev/null
    scep_template $ca manual always >/dev/null
    check_enrol $ca
    check_renew $ca
    check_pending $ca
done
check_two_gateways
note "pki of strongSwan cannot read certificates of an ML-DSA CA: see scep-certmonger.sh for those"
finish

#!/bin/bash
# SCEP as certmonger speaks it, in a daemon of our own: capabilities, CA certificates, enrolment, a pending request,
# renewal. Its scep-submit verifies with the system's OpenSSL, so an ML-DSA CA is left to scep-messages.sh.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"

# monger DIR COMMANDS: a daemon with its own state runs them and ends.
monger() {
    mkdir -p "$1"/{requests,cas,config,tmp,local,out}
    cat >"$1/run.sh"
    CERTMONGER_REQUESTS_DIR=$1/requests CERTMONGER_CAS_DIR=$1/cas CERTMONGER_CONFIG_DIR=$1/config \
        CERTMONGER_TMPDIR=$1/tmp CERTMONGER_LOCAL_CA_DIR=$1/local OPENSSL_CONF='' \
        timeout 90 certmonger -n -L -d 1 -p "$1/pid" -c "sh $1/run.sh" >"$1/log" 2>&1 || true
}

check() { # CA
    local dir=$work/$1 submit
    submit=$(command -v /usr/lib*/certmonger/scep-submit /usr/libexec/certmonger/scep-submit | head -n1)
    OPENSSL_CONF='' "$submit" -u "$GATEHOUSE_HTTP_URL/scep/$1-devices" -c | grep -qx SCEPStandard || die "scep-submit -c"
    [ "$(OPENSSL_CONF='' "$submit" -u "$GATEHOUSE_HTTP_URL/scep/$1-devices" -C | grep -c 'BEGIN CERT')" -ge 2 ] || die "scep-submit -C"
    shown "$1: scep-submit fetches capabilities, and verifies the certificates of RA and CA"
    monger "$dir" <<X
getcert add-scep-ca -c gh -u $GATEHOUSE_HTTP_URL/scep/$1-devices
sleep 1
getcert request -c gh -k $dir/out/k.pem -f $dir/out/c.pem -N CN=monger -D monger.example.test -L $(challenge "$1-devices") -I dev -w
cp $dir/out/c.pem $dir/out/first.pem
getcert resubmit -i dev -w
getcert list
X
    [ -s "$dir/out/first.pem" ] || die "certmonger: $(tail -40 "$dir/log")"
    expect "$1: subject" "$(subject_of "$dir/out/first.pem")" CN=monger
    shown "$1: certmonger enrols with a challenge"
    [ "$(serial_of "$dir/out/first.pem")" != "$(serial_of "$dir/out/c.pem")" ] || die "not renewed: $(tail -40 "$dir/log")"
    shown "$1: certmonger renews with the certificate it has"
}

check_pending() { # CA
    local dir=$work/$1-manual pid
    monger "$dir" <<X &
getcert add-scep-ca -c gh -u $GATEHOUSE_HTTP_URL/scep/$1-manual
sleep 1
getcert request -c gh -k $dir/out/k.pem -f $dir/out/c.pem -N CN=waiting -L $(challenge "$1-manual") -I dev
n=0
while [ ! -s $dir/out/c.pem ] && [ \$n -lt 40 ]; do sleep 1; n=\$((n + 1)); getcert refresh -i dev >/dev/null 2>&1 || getcert resubmit -i dev >/dev/null 2>&1; done
getcert list
X
    pid=$!
    within 30 pending_at "$1" || die "$1: nothing is pending: $(tail -20 "$dir/log")"
    approve "$1"
    wait "$pid"
    [ -s "$dir/out/c.pem" ] || die "$1: not fetched after approval: $(tail -30 "$dir/log")"
    shown "$1: pending until an officer approves"
}
pending_at() { [ "$(rest GET "cas/$1/requests?state=pending" | jq '.items | length')" -gt 0 ]; }

begin
need certmonger getcert
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
make_ca ec '{"type":"EC","curve":"P-256"}' >/dev/null
for ca in rsa ec; do
    scep_template $ca devices role >/dev/null
    check $ca
done
scep_template rsa manual always >/dev/null
check_pending rsa
finish

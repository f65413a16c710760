# Shared by the interoperability scripts and the benchmarks. Sourced, never run.
# shellcheck shell=bash
#
# A script gets a directory of its own ($work) and one instance of Gatehouse in it (tests/lib/gateway.sh), and
# loses both when it ends. The programs under test are in GATEHOUSE_BIN (default: build/release/bin), OpenSSL
# 3.5 or newer is GATEHOUSE_OPENSSL, the one on the PATH, or the one scripts/deps built. GATEHOUSE_KEEP=1
# keeps the directory of a failed run.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

interop_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
gateway_sh=$interop_root/tests/lib/gateway.sh
# shellcheck source=tests/lib/ports.sh
. "$interop_root/tests/lib/ports.sh"
shown_count=0
other_pids=()
at_end=() # functions that a script wants called before its directory goes; its exit status stays what it was

shown() {
    shown_count=$((shown_count + 1))
    printf 'shown %2d: %s\n' "$shown_count" "$*"
}

note() { printf '       -- %s\n' "$*"; }

die() {
    printf 'FAILED: %s\n' "$*" >&2
    # In a command substitution the caller goes on to fail, too.
    if [ "$BASHPID" = $$ ] && [ -s "${instance:-}/serve.log" ]; then
        printf -- '--- the last lines of the gateway:\n' >&2
        tail -n 25 "$instance/serve.log" >&2
    fi
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

need() {
    local program
    for program in "$@"; do
        have "$program" || die "$program is missing: run scripts/deps"
    done
}

# within SECONDS COMMAND...: repeats the command until it succeeds; false when the time is over.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

alive() { kill -0 "$1" 2>/dev/null && [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" != Z ]; }
gone() { ! alive "$1"; }

# --- the programs --------------------------------------------------------------------------------

find_programs() {
    bin=${GATEHOUSE_BIN:-$interop_root/build/release/bin}
    [ -x "$bin/gatehouse" ] || die "no $bin/gatehouse: build it, or set GATEHOUSE_BIN"
    export GATEHOUSE_BIN=$bin
}

is_new_openssl() {
    local version
    version=$("$1" version 2>/dev/null | cut -d' ' -f2) || return 1
    [ "$(printf '3.5\n%s\n' "$version" | sort -V | head -n1)" = 3.5 ]
}

find_openssl() {
    local program
    for program in "${GATEHOUSE_OPENSSL:-}" openssl \
        "${GATEHOUSE_CACHE:-${HOME:-/root}/.cache/gatehouse}/deps/bin/openssl"; do
        if [ -n "$program" ] && is_new_openssl "$program"; then
            openssl=$program
            return
        fi
    done
    die "no openssl program of 3.5 or newer: run scripts/deps, or set GATEHOUSE_OPENSSL"
}

# --- beginning and end ---------------------------------------------------------------------------

# end PID: and its children, for faketime runs its program as one, which would outlive it.
end() {
    local -a children
    read -ra children <<<"$(cat "/proc/$1/task"/*/children 2>/dev/null | tr -d '\n')"
    kill "$1" "${children[@]}"
}

cleanup() {
    local status=$? pid act
    trap - EXIT
    set +e
    for act in "${at_end[@]}"; do "$act"; done
    for pid in "${other_pids[@]}"; do
        if alive "$pid"; then
            end "$pid"
            within 10 gone "$pid" || kill -KILL "$pid"
        fi
    done 2>/dev/null
    [ ! -d "$instance" ] || "$gateway_sh" stop "$instance"
    if [ "$status" -ne 0 ] && [ -n "${GATEHOUSE_KEEP:-}" ]; then
        printf 'kept: %s\n' "$work" >&2
    else
        rm -rf -- "$work"
    fi
    exit "$status"
}

# begin: a directory, the programs, and the promise to clean up.
begin() {
    need curl jq xxd
    work=$(mktemp -d "${TMPDIR:-/tmp}/gatehouse-interop.XXXXXX")
    instance=$work/gateway
    trap cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    find_programs
    find_openssl
    printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf
    # A MariaDB that starts removes the temporary tables it finds, those of its neighbours as well.
    export TMPDIR=$work
    cd "$work"
}

finish() { printf '%s: %d claims shown in %d s\n' "${0##*/}" "$shown_count" "$SECONDS"; }

# --- the instance --------------------------------------------------------------------------------

# start_instance OPTIONS...: from nothing; the options go to init and serve.
start_instance() {
    "$gateway_sh" start "$instance" "$@" >/dev/null || die "the instance does not start"
    # shellcheck disable=SC1091 # written by gateway.sh
    . "$instance/env"
    [ "$(stat -c %a "$instance/first-login.txt")" = 600 ] || die "first-login.txt is readable by others"
}

stop_gateway() { "$gateway_sh" stop-gateway "$instance"; }
start_gateway() { "$gateway_sh" start-gateway "$instance" || die "the gateway does not start again"; }
gateway_pid() { cat "$instance/gatehouse.pid"; }

# The signer that the gateway started: its only child.
signer_pid() {
    local -a children
    read -ra children <<<"$(cat "/proc/$(gateway_pid)/task"/*/children 2>/dev/null | tr -d '\n')"
    [ ${#children[@]} -gt 0 ] && printf '%s' "${children[0]}"
}

# --- REST ----------------------------------------------------------------------------------------

# rest METHOD PATH [BODY]: the answer's body; with another status than 2xx it is shown and the call fails.
# A body of "@FILE" is read from the file.
rest() {
    local out status
    local -a body=()
    [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' --data-binary "$3")
    out=$(mktemp "$work/rest.XXXXXX")
    status=$(curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -X "$1" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        "${body[@]}" -o "$out" -w '%{http_code}' "$GATEHOUSE_URL/api/v1/$2") || status=000
    if [ "${status:0:1}" != 2 ]; then
        printf '%s %s: %s %s\n' "$1" "$2" "$status" "$(head -c 600 "$out")" >&2
        rm -f "$out"
        return 1
    fi
    cat "$out"
    rm -f "$out"
}

# rest_status METHOD PATH [BODY]: the status alone.
rest_status() {
    local -a body=()
    [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' --data-binary "$3")
    curl -sS --max-time 60 --cacert "$GATEHOUSE_TLS_CERT" -X "$1" -H "Authorization: Bearer $GATEHOUSE_TOKEN" \
        "${body[@]}" -o /dev/null -w '%{http_code}' "$GATEHOUSE_URL/api/v1/$2"
}

public() { curl -sS --fail --max-time 30 "$GATEHOUSE_HTTP_URL$1"; }

# make_ca NAME KEY-JSON [ISSUER]: prints the new CA's slug.
make_ca() {
    jq -n --arg name "$1" --argjson key "$2" --arg issuer "${3:-}" \
        '{name: $name, key: $key, subject: {CN: $name, O: "Example"}}
         + if $issuer == "" then {} else {issuer: $issuer} end' >"$work/ca.json"
    rest POST cas "@$work/ca.json" | jq -er .id || die "CA $1 was not made"
}

# certify_elsewhere CSR PEM: a certificate for timestamps from a CA that is not ours, elsewhere.pem.
certify_elsewhere() {
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout elsewhere.key -out elsewhere.pem \
        -subj '/CN=Elsewhere' -addext basicConstraints=critical,CA:TRUE -days 30 2>/dev/null
    printf 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n' >elsewhere.ext
    "$openssl" x509 -req -in "$1" -CA elsewhere.pem -CAkey elsewhere.key -extfile elsewhere.ext -days 20 -out "$2" 2>/dev/null
}

# make_csr KEY-TYPE FILE NAME: FILE.key and FILE.csr, by openssl req.
make_csr() {
    local -a key
    case $1 in
    RSA) key=(rsa:2048) ;;
    P-256) key=(ec -pkeyopt ec_paramgen_curve:P-256) ;;
    *) key=("$1") ;;
    esac
    "$openssl" req -new -newkey "${key[@]}" -nodes -keyout "$2.key" -out "$2.csr" -subj "/CN=$3" \
        -addext "subjectAltName=DNS:$3" 2>"$2.log" || die "openssl req $1: $(cat "$2.log")"
}

# submit_and_sign TEMPLATE FILE: FILE.csr becomes FILE.pem; FILE.json is the certificate's answer.
submit_and_sign() {
    local request
    jq -Rs '{csr: .}' "$2.csr" >"$2.request.json"
    request=$(rest POST "templates/$1/requests" "@$2.request.json") || die "$2: the CSR was refused"
    [ "$(jq -r .state <<<"$request")" = pending ] || die "$2: the request is not pending"
    rest POST "requests/$(jq -r .id <<<"$request")/sign" '{}' | jq -e .certificate >"$2.json" ||
        die "$2: not signed"
    jq -er .pem "$2.json" >"$2.pem"
}

certificate_id() { jq -er .id "$1.json"; }

# --- what clients see ----------------------------------------------------------------------------

# url_in FILE.pem ca|crl|ocsp: the address in the certificate itself.
url_in() {
    case $2 in
    ca) "$openssl" x509 -in "$1" -noout -ext authorityInfoAccess | sed -n 's/.*CA Issuers - URI://p' ;;
    ocsp) "$openssl" x509 -in "$1" -noout -ocsp_uri ;;
    crl) "$openssl" x509 -in "$1" -noout -ext crlDistributionPoints | sed -n 's/.*URI://p' ;;
    esac | head -n1
}

# fetch_hierarchy DIR LEAF.pem: the issuing CA's certificate and both CRLs, from the addresses that stand in
# the certificates; needs DIR/root.pem.
fetch_hierarchy() {
    curl -sS --fail -o "$1/issuing.der" "$(url_in "$2" ca)" || die "no issuer at $(url_in "$2" ca)"
    "$openssl" x509 -inform DER -in "$1/issuing.der" -out "$1/issuing.pem"
    fetch_crls "$1" "$2"
}

fetch_crls() {
    curl -sS --fail -o "$1/leaf.crl" "$(url_in "$2" crl)" || die "no CRL at $(url_in "$2" crl)"
    curl -sS --fail -o "$1/issuing.crl" "$(url_in "$1/issuing.pem" crl)" || die "no CRL for the issuing CA"
    "$openssl" crl -inform DER -in "$1/leaf.crl" -out "$1/leaf.crl.pem"
    "$openssl" crl -inform DER -in "$1/issuing.crl" -out "$1/issuing.crl.pem"
    cat "$1/leaf.crl.pem" "$1/issuing.crl.pem" >"$1/crls.pem"
    cat "$1/root.pem" "$1/issuing.pem" >"$1/chain.pem"
}

# verify DIR LEAF.pem: with the root alone as anchor and both CRLs.
verify() {
    "$openssl" verify -x509_strict -crl_check_all -CAfile "$1/root.pem" -untrusted "$1/issuing.pem" \
        -CRLfile "$1/crls.pem" "$2" >"$1/verify.out" 2>&1
}

# ocsp DIR LEAF.pem OPTIONS...: "good", "revoked" or "unknown" by the responder that the certificate names,
# once the signature on the answer is verified.
ocsp() {
    local dir=$1 leaf=$2
    shift 2
    "$openssl" ocsp "$@" -issuer "$dir/issuing.pem" -cert "$leaf" -url "$(url_in "$leaf" ocsp)" \
        -CAfile "$dir/chain.pem" >"$dir/ocsp.out" 2>&1 || die "openssl ocsp: $(cat "$dir/ocsp.out")"
    grep -q '^Response verify OK' "$dir/ocsp.out" || die "openssl ocsp: $(cat "$dir/ocsp.out")"
    sed -n "s|^$leaf: ||p" "$dir/ocsp.out" | head -n1
}

expect() { # WHAT IS WANTED
    [ "$2" = "$3" ] || die "$1: is '$2', not '$3'"
}

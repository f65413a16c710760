#!/bin/bash
# The softtoken under programs that know nothing of us: pkcs11-tool and its own test, p11tool and certtool of
# GnuTLS, OpenSSL through libp11's engine, NSS, Java, ssh with a real sshd.
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"

pin=token-clients-1
so_pin=token-clients-so
engine_dir=
export GNUTLS_PIN=$pin

# fresh_token DIR: an empty softtoken in DIR, with PINs; $tool speaks to it.
fresh_token() {
    mkdir "$1"
    export GATEHOUSE_SOFTTOKEN_DIR=$work/$1
    tool=(pkcs11-tool --module "$module" --token-label clients)
    pkcs11-tool --module "$module" --init-token --slot-index 0 --label clients --so-pin "$so_pin" >>tool.log 2>&1 ||
        die "no token: $(tail -n 3 tool.log)"
    "${tool[@]}" --init-pin --login --login-type so --so-pin "$so_pin" --new-pin "$pin" >>tool.log 2>&1 ||
        die "no PIN: $(tail -n 3 tool.log)"
    tool+=(--login --pin "$pin")
}

# make_key TYPE ID
make_key() {
    "${tool[@]}" --keypairgen --key-type "$1" --id "$2" --label "$1" --usage-sign --usage-derive >>tool.log 2>&1 ||
        die "pkcs11-tool makes no $1: $(tail -n 3 tool.log)"
}

opensc_test() {
    local i=10 type
    fresh_token opensc
    for type in rsa:2048 rsa:3072 EC:prime256v1 EC:secp384r1 EC:secp521r1 EC:secp256k1 EC:brainpoolP256r1 \
        EC:edwards25519 EC:curve25519; do
        make_key "$type" "$((i++))"
    done
    "${tool[@]}" --keygen --key-type AES:32 --id 30 --label aes >>tool.log 2>&1 || die "pkcs11-tool makes no AES key"
    "${tool[@]}" --test >opensc.out 2>&1 || die "pkcs11-tool --test: $(tail -n 5 opensc.out)"
    expect "pkcs11-tool --test" "$(tail -n 1 opensc.out)" "No errors"
    shown "pkcs11-tool: RSA, NIST, brainpool, secp256k1, Edwards and Montgomery keys made; its own test finds no errors"
}

# sign_and_check MECHANISM ID HASH: the token signs, OpenSSL verifies with the public key that was read out.
sign_and_check() {
    "${tool[@]}" --sign -m "$1" --id "$2" --signature-format openssl --input-file message \
        --output-file signature >>tool.log 2>&1 || die "pkcs11-tool --sign $1: $(tail -n 3 tool.log)"
    # OpenSC's own --read-object knows no public key on P-384 and P-521.
    p11tool --provider "$module" --export-pubkey "pkcs11:token=clients;id=%$2;type=public" >public.pem 2>>gnutls.log ||
        die "p11tool reads no public key"
    "$openssl" dgst "-$3" -verify public.pem -signature signature message >>openssl.log 2>&1 ||
        die "$1: OpenSSL does not verify what the token signed"
}

opensc_use() {
    printf 'a message for every key' >message
    sign_and_check SHA256-RSA-PKCS 10 sha256
    sign_and_check SHA384-RSA-PKCS 11 sha384
    sign_and_check ECDSA-SHA256 12 sha256
    sign_and_check ECDSA-SHA384 13 sha384
    sign_and_check ECDSA-SHA512 14 sha512
    "$openssl" genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out peer.key 2>>openssl.log
    "$openssl" pkey -in peer.key -pubout -outform DER -out peer.der
    "${tool[@]}" --read-object --type pubkey --id 12 --output-file own.der >>tool.log 2>&1 ||
        die "pkcs11-tool reads no public key: $(tail -n 3 tool.log)"
    "${tool[@]}" --derive -m ECDH1-DERIVE --id 12 --input-file peer.der --output-file secret.token >>tool.log 2>&1 ||
        die "pkcs11-tool --derive: $(tail -n 3 tool.log)"
    "$openssl" pkeyutl -derive -inkey peer.key -peerkey own.der -peerform DER -out secret.openssl
    cmp -s secret.token secret.openssl || die "the token and OpenSSL do not agree on a secret"
    shown "pkcs11-tool: signatures of five kinds verify in OpenSSL; both agree on an ECDH secret"
}

gnutls() {
    local uri="pkcs11:token=clients" id provider=(--provider "$module")
    fresh_token gnutls
    p11tool "${provider[@]}" --list-tokens 2>/dev/null | grep -q 'token=clients' || die "p11tool sees no token"
    p11tool "${provider[@]}" --login --generate-rsa --bits=2048 --label=rsa --id=01 "$uri" >gnutls.log 2>&1 ||
        die "p11tool makes no RSA key: $(tail -n 3 gnutls.log)"
    p11tool "${provider[@]}" --login --generate-privkey=ECDSA --curve=secp256r1 --label=ec --id=02 "$uri" \
        >>gnutls.log 2>&1 || die "p11tool makes no EC key: $(tail -n 3 gnutls.log)"
    printf 'cn = "Token client"\nca\ncert_signing_key\nexpiration_days = 10\n' >certtool.cfg
    for id in 01 02; do
        certtool "${provider[@]}" --generate-self-signed --load-privkey "$uri;id=%$id;type=private" \
            --load-pubkey "$uri;id=%$id;type=public" --template certtool.cfg --outfile "ca$id.pem" \
            >>gnutls.log 2>&1 || die "certtool: $(tail -n 3 gnutls.log)"
        "$openssl" verify -CAfile "ca$id.pem" "ca$id.pem" >>openssl.log 2>&1 || die "certtool's certificate is wrong"
        p11tool "${provider[@]}" --login --write "$uri" --load-certificate "ca$id.pem" --label=ca --id="$id" \
            >>gnutls.log 2>&1 || die "p11tool writes no certificate: $(tail -n 3 gnutls.log)"
        p11tool "${provider[@]}" --login --test-sign "$uri;id=%$id;type=private" >test-sign.log 2>&1 ||
            die "p11tool --test-sign: $(tail -n 3 test-sign.log)"
    done
    expect "objects that p11tool lists" "$(p11tool "${provider[@]}" --login --list-all "$uri" 2>/dev/null |
        grep -c '^Object')" 6
    shown "p11tool and certtool: keys made, certificates signed by them and written back, test signatures"
}

find_engine() {
    local path
    for path in /usr/lib/*/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so; do
        [ -e "$path" ] && engine_dir=$path && return
    done
    die "libp11's engine is missing: run scripts/deps --test"
}

# The system's own OpenSSL loads the engine: ours is another version in the same process, inside the module.
libp11() {
    local id key
    find_engine
    fresh_token libp11
    make_key rsa:2048 01
    make_key EC:prime256v1 02
    {
        printf 'openssl_conf = conf\n[conf]\nengines = engines\n[engines]\npkcs11 = pkcs11\n[pkcs11]\n'
        printf 'engine_id = pkcs11\ndynamic_path = %s\nMODULE_PATH = %s\nPIN = %s\ninit = 0\n' \
            "$engine_dir" "$module" "$pin"
    } >engine.cnf
    for id in 01 02; do
        key="pkcs11:token=clients;id=%$id;type=private"
        env -u LD_LIBRARY_PATH OPENSSL_CONF="$work/engine.cnf" /usr/bin/openssl req -new -x509 -engine pkcs11 \
            -keyform engine -key "$key" -subj "/CN=engine $id" -out "engine$id.pem" >engine.log 2>&1 ||
            die "the engine signs nothing: $(tail -n 3 engine.log)"
        "$openssl" verify -CAfile "engine$id.pem" "engine$id.pem" >>openssl.log 2>&1 ||
            die "the engine's certificate is wrong"
    done
    shown "OpenSSL $(/usr/bin/openssl version | cut -d' ' -f2) with libp11's engine: certificates signed by RSA and EC keys"
}

# NSS (Firefox, Thunderbird): keys made in the token, certificates signed and kept there.
nss() {
    local kind nss=(-d "sql:$work/nssdb" -f "$work/nss.pin")
    local -A options=([rsa]="-g 2048" [ec]="-q nistp256")
    fresh_token nss
    printf '%s\n' "$pin" >nss.pin
    mkdir nssdb
    certutil -N -d "sql:$work/nssdb" --empty-password || die "certutil makes no database"
    modutil -dbdir "sql:$work/nssdb" -add softtoken -libfile "$module" -force >nss.log 2>&1 || die "modutil: $(tail -n 3 nss.log)"
    modutil -dbdir "sql:$work/nssdb" -list softtoken 2>&1 | grep -q 'Token Name: clients' || die "modutil sees no token"
    head -c 64 /dev/urandom >nss.noise
    for kind in rsa ec; do
        # shellcheck disable=SC2086 # two words
        certutil -S "${nss[@]}" -h clients -n "nss-$kind" -s "CN=NSS $kind" -x -t ,, -k "$kind" ${options[$kind]} \
            -z nss.noise -m "$RANDOM" >>nss.log 2>&1 || die "certutil signs nothing with $kind: $(tail -n 3 nss.log)"
        certutil -L "${nss[@]}" -h clients -n "clients:nss-$kind" -a >"nss-$kind.pem" 2>>nss.log ||
            die "certutil finds no certificate: $(tail -n 3 nss.log)"
        "$openssl" verify -CAfile "nss-$kind.pem" "nss-$kind.pem" >>openssl.log 2>&1 || die "certutil's certificate is wrong"
    done
    expect "keys that certutil lists" "$(certutil -K "${nss[@]}" -h clients | grep -c 'clients:nss-')" 2
    certutil -F "${nss[@]}" -h clients -n clients:nss-ec >>nss.log 2>&1 || die "certutil deletes nothing: $(tail -n 3 nss.log)"
    expect "keys that are left" "$(certutil -K "${nss[@]}" -h clients | grep -c 'clients:nss-')" 1
    shown "NSS's certutil and modutil: RSA and EC keys made in the token, certificates signed by them and kept there, deleted"
}

# Java's SunPKCS11.
java_keys() {
    local kind store
    fresh_token java
    printf 'name = clients\nlibrary = %s\nslotListIndex = 0\n' "$module" >java.cfg
    store=(-storetype PKCS11 -keystore NONE -storepass "$pin" -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$work/java.cfg")
    for kind in "RSA -keysize 2048" "EC -groupname secp256r1"; do
        # shellcheck disable=SC2086 # two words and more
        keytool -genkeypair "${store[@]}" -alias "java-${kind%% *}" -keyalg $kind -dname "CN=Java ${kind%% *}" >>java.log 2>&1 ||
            die "keytool makes no key: $(tail -n 3 java.log)"
        keytool -exportcert -rfc "${store[@]}" -alias "java-${kind%% *}" >"java-${kind%% *}.pem" 2>>java.log ||
            die "keytool finds no certificate: $(tail -n 3 java.log)"
        "$openssl" verify -CAfile "java-${kind%% *}.pem" "java-${kind%% *}.pem" >>openssl.log 2>&1 || die "keytool's certificate is wrong"
        keytool -certreq "${store[@]}" -alias "java-${kind%% *}" 2>>java.log | "$openssl" req -verify -noout >>openssl.log 2>&1 ||
            die "keytool's request does not verify: $(tail -n 3 java.log)"
    done
    expect "entries that keytool lists" "$(keytool -list "${store[@]}" 2>>java.log | grep -c PrivateKeyEntry)" 2
    keytool -delete "${store[@]}" -alias java-EC >>java.log 2>&1 || die "keytool deletes nothing: $(tail -n 3 java.log)"
    expect "entries that are left" "$(keytool -list "${store[@]}" 2>>java.log | grep -c PrivateKeyEntry)" 1
    shown "Java's keytool with SunPKCS11: RSA and EC keys made in the token, certificates and requests signed, listed, deleted"
}

ssh_login() {
    local port answer
    port=$(free_port)
    mkdir -m 700 ssh
    ssh-keygen -q -t ed25519 -N '' -f ssh/host
    ssh-keygen -D "$module" 2>/dev/null | grep -v '^ssh-unknown' >ssh/authorized
    [ "$(wc -l <ssh/authorized)" -ge 2 ] || die "ssh-keygen -D finds no keys"
    {
        printf 'Port %s\nListenAddress 127.0.0.1\nHostKey %s/ssh/host\nPidFile none\n' "$port" "$work"
        printf 'AuthorizedKeysFile %s/ssh/authorized\nStrictModes no\nUsePAM no\n' "$work"
        printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n'
    } >ssh/config
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    "$(command -v sshd)" -D -e -f ssh/config >ssh/log 2>&1 &
    other_pids+=("$!")
    within 10 grep -q 'Server listening' ssh/log || die "sshd: $(tail -n 3 ssh/log)"
    printf '#!/bin/sh\nprintf "%%s\\n" %s\n' "$pin" >ssh/ask
    chmod 700 ssh/ask
    answer=$(SSH_ASKPASS=$work/ssh/ask SSH_ASKPASS_REQUIRE=force ssh -F none -I "$module" -p "$port" \
        -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o IdentityAgent=none \
        -o IdentityFile=none -o BatchMode=no 127.0.0.1 echo 'through the token' </dev/null 2>ssh/client.log) ||
        die "ssh -I: $(tail -n 3 ssh/client.log; tail -n 3 ssh/log)"
    expect "what ssh said" "$answer" "through the token"
    shown "ssh -I: logged in to an sshd with a key of the token"
}

begin
need pkcs11-tool p11tool certtool certutil modutil keytool ssh ssh-keygen sshd
module=$bin/../lib/gatehouse/gatehouse-softtoken.so
[ -r "$module" ] || die "there is no $module"
find_openssl
opensc_test
opensc_use
gnutls
libp11
ssh_login # with the keys of libp11
nss
java_keys
finish

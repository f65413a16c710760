#!/bin/bash
# Microsoft Intune and the generic webhook judge SCEP requests: a real HTTPS server plays their endpoints.
# shellcheck disable=SC2154 # openssl, work and the instance's addresses are lib.sh's
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/scep.sh
. "$here/scep.sh"

service_log() { curl -sS --cacert "$work/ms.pem" "$ms/log"; }
service() { curl -sS --cacert "$work/ms.pem" "$ms/$1" >/dev/null; }
logged() { [ "$(service_log | jq --arg what "$1" '[.log[] | select(.what == $what)] | length')" -ge "$2" ]; }

start_service() {
    "$openssl" req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/ms.key" -out "$work/ms.pem" \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null
    python3 "$interop_root/tests/interop/microsoft.py" "$work/ms.pem" "$work/ms.key" "$work/ms.port" 2>"$work/ms.log" &
    other_pids+=($!)
    within 20 test -s "$work/ms.port" || die "the service does not start: $(cat "$work/ms.log")"
    ms=https://localhost:$(cat "$work/ms.port")
    good=good-$(printf 'c2NlcCBjaGFsbGVuZ2Ug%.0s' {1..20})
}

intune_settings() {
    printf '.intune = ({tenant: "example.test", clientId: "app-id", loginUrl: "%s", graphUrl: "%s", caFile: "%s"} + %s)' \
        "$ms" "$ms" "$work/ms.pem" "$1"
}

check_intune() {
    local dir=$work/rsa serial
    scep_settings rsa-intune "$(intune_settings "{secret: \"the application's secret\"}")"
    rest GET templates/rsa-intune/scep | jq -e '.settings.intune.secretSet and (.settings.intune | has("secret") | not)' \
        >/dev/null || die "the secret is shown"
    pki_ca rsa-intune "$dir"
    pki_enrol rsa-intune "$dir" phone "$good" || die "enrolment: $(tail -3 "$instance/serve.log"; cat "$work/ms.log")"
    shown "Intune validates (token by secret, discovery, ScepActions/validateRequest), and the device is enrolled"
    within 30 logged successNotification 1 || die "no success notification: $(tail -3 "$instance/serve.log")"
    serial=$(serial_of "$dir/phone.pem")
    expect "serial that Intune was told" \
        "$(service_log | jq -r '[.log[] | select(.what == "successNotification")][0].value.certificateSerialNumber')" "$serial"
    shown "Intune is told: thumbprint, serial number, end"
    ! pki_enrol rsa-intune "$dir" liar "bad-$good" || true
    ! pki_enrol rsa-intune "$dir" liar "$(printf 'x%.0s' {1..300})" || die "a challenge that Intune refuses was good"
    shown "what Intune refuses is refused"
    service fault/down
    ! pki_enrol rsa-intune "$dir" later "$good" || die "enrolled while Intune is down"
    service fault/none
    pki_enrol rsa-intune "$dir" later "$good" || die "not enrolled when Intune is back"
    shown "while Intune is down the device is told to try again, and then succeeds"
    service fault/unauthorized
    ! pki_enrol rsa-intune "$dir" never "$good" || die "enrolled without authorization"
    service fault/nonsense
    ! pki_enrol rsa-intune "$dir" never "$good" || die "enrolled on nonsense"
    service fault/no-service
    ! pki_enrol rsa-intune "$dir" never "$good" || die "enrolled without a service"
    service fault/none
    shown "no authorization, nonsense, no service: nobody is enrolled"
}

check_certificate_login() {
    "$openssl" req -x509 -newkey rsa:2048 -nodes -keyout "$work/app.key" -out "$work/app.pem" -subj /CN=app -days 2 2>/dev/null
    "$openssl" pkcs12 -export -inkey "$work/app.key" -in "$work/app.pem" -passout pass:app-pass -out "$work/app.p12"
    scep_settings rsa-intune2 "$(intune_settings "{pkcs12: \"$(base64 -w0 "$work/app.p12")\", pkcs12Password: \"app-pass\"}")"
    pki_enrol rsa-intune2 "$work/rsa" tablet "$good" || die "by certificate: $(tail -3 "$instance/serve.log"; cat "$work/ms.log")"
    service_log | jq -e '[.log[] | select(.value == "assertion")] | length > 0' >/dev/null || die "no assertion"
    shown "the application logs in to Microsoft with its certificate instead of a secret"
}

check_refused_by_policy() {
    local dir=$work/rsa
    [ -s "$dir/nowhere.key" ] || pki --gen --type rsa --size 2048 --outform pem >"$dir/nowhere.key" 2>/dev/null
    ! strongswan_pki --scep --url "$GATEHOUSE_HTTP_URL/scep/rsa-intune" --in "$dir/nowhere.key" --dn "O=No common name" \
        --password "$good" --cacert-enc "$dir/ra.crt" --cacert-sig "$dir/ra.crt" --cacert "$dir/ca.crt" >/dev/null ||
        die "the template's policy was not held"
    within 30 logged failureNotification 1 || die "no failure notification"
    shown "a validated request that the template refuses is reported to Intune as a failure, with the reason"
}

check_revocation() {
    service "revoke/$(serial_of "$work/rsa/phone.pem")"
    service revoke/00ffee
    rest POST templates/rsa-intune/scep/check '{}' | jq -e '.service == "intune" and .ok' >/dev/null ||
        die "the check fails: $(tail -5 "$instance/serve.log")"
    expect "results" "$(service_log | jq -c '[.results[] | [.succeeded, .errorCode]]')" \
        '[[true,"None"],[false,"CertificateNotFoundError"]]'
    expect "state" "$(rest GET "certificates?q=$(serial_of "$work/rsa/phone.pem")" | jq -r '.items[0].state')" revoked
    shown "Intune's revocation requests are fetched, done and reported, unknown ones as such"
}

# The way to Microsoft may lead through a proxy, and a secret that ends soon is told.
check_proxy_and_warning() {
    local port
    port=$(free_port)
    python3 - "$port" >"$work/proxy.log" 2>&1 <<'PY' &
import socket, socketserver, sys, threading

class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        method, target, _ = line.split()
        print(method, target, flush=True)
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=self.copy, args=(far, self.connection), daemon=True).start()
            self.copy(self.connection, far)

    def copy(self, source, target):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Proxy).serve_forever()
PY
    other_pids+=($!)
    within 10 eval "(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null" || die "no proxy: $(cat "$work/proxy.log")"
    scep_settings rsa-intune2 "$(intune_settings "{secret: \"the application's secret\", proxy: \"http://127.0.0.1:$port\",
        secretExpiresAt: \"$(date -u -d '+20 days' +%Y-%m-%dT%H:%M:%SZ)\"}")"
    pki_enrol rsa-intune2 "$work/rsa" proxied "$good" || die "by proxy: $(tail -3 "$instance/serve.log"; cat "$work/proxy.log")"
    grep -q "^CONNECT localhost:${ms##*:}" "$work/proxy.log" || die "not by the proxy: $(cat "$work/proxy.log")"
    shown "Intune through a proxy"
    rest POST templates/rsa-intune2/scep/check '{}' | jq -e '.ok and (.warning | test("secret ends on"))' >/dev/null ||
        die "the check does not warn of the secret's end"
    rest POST templates/rsa-intune/scep/check '{}' | jq -e '.warning == null' >/dev/null || die "a warning without reason"
    within 90 warned || die "the job does not warn: $(grep -a scep "$instance/serve.log" | tail -3)"
    sleep 65 # the job has run again
    expect "warned of" "$(rest GET 'events?code=scep.intune-secret-expires' | jq -c '[.items[].object]')" '["rsa-intune2"]'
    shown "a secret that ends within 30 days: the check says so, and a job makes an event of it, once a day"
}
warned() { [ "$(rest GET 'events?code=scep.intune-secret-expires' | jq '.items | length')" -gt 0 ]; }

check_webhook() {
    scep_settings rsa-hook ".validation.challenge = false | .webhook = {url: \"$ms/hook\", secret: \"shared with the hook\", caFile: \"$work/ms.pem\"}"
    pki_enrol rsa-hook "$work/rsa" hooked hook-good || die "hook: $(tail -3 "$instance/serve.log"; cat "$work/ms.log")"
    ! pki_enrol rsa-hook "$work/rsa" unhooked hook-bad || die "the hook's no was not heard"
    within 30 logged hook 3 || die "the hook was not told: $(service_log)"
    expect "told" "$(service_log | jq -c '[.log[] | select(.what == "hook") | .value.type] | sort | unique')" '["issued","validate"]'
    expect "requester" "$(rest GET "certificates?q=hooked" | jq -r '.items[0].requester')" "asset 4711"
    shown "a signed webhook validates, names the requester, and is told what became of the request"
}

begin
need pki python3
start_service
start_instance --jobs-interval 1
make_ca rsa '{"type":"RSA","bits":2048}' >/dev/null
for name in intune intune2 hook; do scep_template rsa $name role >/dev/null; done
check_intune
check_certificate_login
check_refused_by_policy
check_webhook
check_revocation
check_proxy_and_warning
finish

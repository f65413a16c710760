#!/bin/bash
# Prometheus reads /metrics: what the page says is what happened, and every rule and panel of docs/monitoring asks
# for a metric that exists.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=tests/interop/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/interop/flow.sh
. "$here/flow.sh"

page() { curl -sS --max-time 20 --cacert "$GATEHOUSE_TLS_CERT" "$@"; }
code() { page -o /dev/null -w '%{http_code}' "$@"; }
with_token() { page -H "Authorization: Bearer $GATEHOUSE_TOKEN" "$GATEHOUSE_URL/metrics"; }
# value LINE-START: the number of the sample
value() { with_token | awk -v name="$1" 'index($0, name " ") == 1 { print $NF; found = 1 } END { exit !found }'; }

who_may_read() {
    [ "$(code "$GATEHOUSE_URL/metrics")" = 401 ] || die "/metrics is open to everybody"
    [ "$(code "$GATEHOUSE_HTTP_URL/metrics")" = 401 ] || die "/metrics is open to everybody over HTTP"
    [ "$(code -H 'Authorization: Bearer gh_wrong' "$GATEHOUSE_URL/metrics")" = 401 ] || die "a wrong token reads /metrics"
    with_token >"$work/page" && promtool check metrics <"$work/page" >"$work/lint" 2>&1 || {
        cat "$work/lint" >&2
        die "promtool does not like the page"
    }
    shown "/metrics needs a token, and promtool finds nothing to say against it"
}

what_it_counts() {
    local before after
    before=$(value 'gatehouse_key_operations_total{token="managed",operation="sign",outcome="done"}')
    rest POST cas '{"name":"Measured CA","key":{"type":"P-256"}}' >/dev/null
    rest GET cas/measured-ca >/dev/null
    [ "$(rest_status GET cas/none)" = 404 ] || die "a CA that is not there"
    [ "$(value 'gatehouse_http_requests_total{method="GET",route="/api/v1/cas/{}",status="200"}')" = 1 ] ||
        die "the request was not counted"
    [ "$(value 'gatehouse_http_requests_total{method="GET",route="/api/v1/cas/{}",status="404"}')" = 1 ] ||
        die "the refused request was not counted"
    curl -sSf -o "$work/crl" "$GATEHOUSE_HTTP_URL/crl/measured-ca.crl"
    after=$(value 'gatehouse_key_operations_total{token="managed",operation="sign",outcome="done"}')
    [ "$after" -ge $((before + 2)) ] || die "signatures were not counted"
    within 40 value 'gatehouse_expiry_timestamp_seconds{kind="ca",ca="measured-ca"}' >/dev/null ||
        die "the end of the CA's certificate is not told"
    shown "requests by route and status, signatures by token, ends of certificates are told"
}

scraped() {
    curl -s "http://127.0.0.1:$prometheus_port/api/v1/query?query=$1" | jq -e '.data.result | length > 0' >/dev/null
}

by_prometheus() {
    local port=${GATEHOUSE_URL##*:} name
    with_token >"$work/page"
    prometheus_port=$(free_port)
    printf '%s' "$GATEHOUSE_TOKEN" >"$work/token"
    cat >"$work/prometheus.yml" <<YML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$interop_root/docs/monitoring/alerts.yml]
scrape_configs:
  - job_name: gatehouse
    scheme: https
    authorization: {credentials_file: $work/token}
    tls_config: {ca_file: $GATEHOUSE_TLS_CERT, server_name: localhost}
    static_configs: [{targets: ["localhost:$port"]}]
YML
    promtool check config "$work/prometheus.yml" >"$work/lint" 2>&1 || { cat "$work/lint" >&2; die "promtool check config"; }
    prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
        --web.listen-address="127.0.0.1:$prometheus_port" >"$work/prometheus.log" 2>&1 &
    other_pids+=($!)
    within 30 scraped 'up%7Bjob=%22gatehouse%22%7D==1' || { tail -5 "$work/prometheus.log" >&2; die "Prometheus reads nothing"; }
    shown "Prometheus scrapes the instance with an API token"
    # What other protocols count appears with their first use; the rest must be there now.
    for name in $(grep -ohE '(gatehouse|process)_[a-z_]+' "$interop_root"/docs/monitoring/* | sort -u); do
        case $name in
        *_bucket) name=${name%_bucket} ;;
        gatehouse_acme_* | gatehouse_scep_* | gatehouse_timestamps_* | gatehouse_ocsp_* | gatehouse_db_*_total | \
            gatehouse_certificates_issued_total | gatehouse_job_* | gatehouse_database_behind_seconds | gatehouse_token_usable | gatehouse_agents_missed) ;;
        *) grep -q "^# TYPE $name " "$work/page" || die "docs/monitoring asks for $name, which does not exist" ;;
        esac
        grep -rqF "\"$name\"" "$interop_root/gateway" "$interop_root/pkcs11" ||
            die "docs/monitoring asks for $name, which nothing counts"
    done
    shown "every metric that the rules and the dashboard ask for exists"
}

# $__rate_interval is Grafana's; ask EXPRESSION answers Prometheus' words about it.
ask() {
    curl -s --get "http://127.0.0.1:$prometheus_port/api/v1/query" --data-urlencode "query=${1//\$__rate_interval/10s}"
}
has_values() { ask "$1" | jq -e '.data.result | length > 0' >/dev/null; }

# Each panel's question is one that Prometheus understands, by labels that its metrics have; what an instance that has
# issued and answered shows in any case must be there.
every_panel() {
    local expression asked=0
    rest POST "templates/measured-ca-web-server/requests" "$(jq -n --rawfile csr leaf.csr '{csr: $csr, issue: true}')" >/dev/null
    rest GET "cas/measured-ca/certificate?format=pem" >"$work/ca.pem"
    "$openssl" ocsp -issuer "$work/ca.pem" -serial 1 -url "$GATEHOUSE_HTTP_URL/ocsp/measured-ca" -noverify >/dev/null 2>&1
    while read -r expression; do
        asked=$((asked + 1))
        case $expression in
        *gatehouse_timestamps_* | *gatehouse_scep_* | *gatehouse_acme_* | *gatehouse_db_retries_* | *gatehouse_db_waits_* | \
            *gatehouse_requests_waiting*)
            [ "$(ask "$expression" | jq -r .status)" = success ] || die "Prometheus refuses $expression: $(ask "$expression")" ;;
        *) within 45 has_values "$expression" || die "no values: $expression: $(ask "$expression" | head -c 300)" ;;
        esac
    done < <(jq -r '.. | .expr? // empty' "$interop_root/docs/monitoring/grafana.json")
    [ "$asked" -gt 15 ] || die "only $asked questions were found in the dashboard"
    jq -e '[.. | objects | select(has("gridPos")) | select(has("targets")) | select((.targets | length) == 0 or .title == "")] == []' \
        "$interop_root/docs/monitoring/grafana.json" >/dev/null || die "a panel without a question or a title"
    shown "the dashboard's $asked questions are answered by Prometheus, with values wherever there was something to count"
}

begin
need promtool prometheus
start_instance
who_may_read
what_it_counts
make_csr P-256 leaf leaf.example.test
by_prometheus
every_panel
finish

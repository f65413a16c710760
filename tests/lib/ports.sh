# Ports for tests. Sourced, never run.
# shellcheck shell=bash

# A port of this host that nobody listens at and that no test was given within the last hour and a half: what is given may
# stand unused for a while, and other tests look for ports meanwhile. Below the range of outgoing connections.
free_port() {
    local given=${GATEHOUSE_CACHE:-${HOME:-/root}/.cache/gatehouse}/ports port
    mkdir -p "$given"
    find "$given" -type f -mmin +90 -delete 2>/dev/null || true
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 12000))
        (set -o noclobber && : >"$given/$port") 2>/dev/null || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    printf 'no free port found\n' >&2
    return 1
}

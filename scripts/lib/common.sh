# Shared by the scripts: messages, root, the cache. Sourced, never run.
# shellcheck shell=bash disable=SC2034

gh_name=${0##*/}
gh_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
gh_cache=${GATEHOUSE_CACHE:-${HOME:-/root}/.cache/gatehouse}

say() { printf '%s: %s\n' "$gh_name" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# As root: directly when we are root, else by sudo. Says what it needed root for when neither works.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo -- "$@"
    else
        die "'$1' needs root, and there is no sudo: run as root once (scripts/deps is enough)"
    fi
}

jobs_count() { printf '%s' "${GATEHOUSE_JOBS:-$(nproc)}"; }

# hash_files FILE... -> short hash of names' contents, for stamps.
hash_files() { cat -- "$@" | sha256sum | cut -c1-16; }

# percent_encode: standard input for use in a URL's query; slashes stay.
percent_encode() {
    od -An -v -tx1 | tr -s ' \n' '\n\n' | while read -r byte; do
        [ -n "$byte" ] || continue
        # shellcheck disable=SC2059 # the format is made of two hex digits
        case $(printf "\\x$byte") in
        [A-Za-z0-9._~/-]) printf "\\x$byte" ;;
        *) printf '%%%s' "${byte^^}" ;;
        esac
    done
}

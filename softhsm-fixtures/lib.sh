# Shared by the token fixtures. Sourced.
# shellcheck shell=bash disable=SC2154
set -euo pipefail
umask 077

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

fail_with() {
    tail -n 20 "$1" >&2
    die "the token could not be made"
}

# begin DIR [LABEL]
begin() {
    [ $# -ge 1 ] && [ $# -le 2 ] || die "usage: see the head of $0"
    mkdir -p -- "$1"
    dir=$(cd -- "$1" && pwd -P)
    label=${2:-gatehouse}
    case $label in
    '' | *[!A-Za-z0-9_-]*) die "the label '$label' has characters that no test needs" ;;
    esac
}

# find_module PATTERN...: the first that exists.
find_module() {
    local path
    for path in $(compgen -G "$1"; compgen -G "$2"; compgen -G "$3"); do
        printf '%s' "$path"
        return 0
    done
    return 1
}

# Random PINs, made once.
make_pins() {
    local file
    for file in token.pin token.pin.so; do
        [ -s "$dir/$file" ] || od -An -N8 -tx1 /dev/urandom | tr -d ' ' >"$dir/$file"
    done
}

# The index of the slot whose token is not initialised.
free_slot_index() {
    pkcs11-tool --module "$module" --list-slots | awk '
        /^Slot / { index_ = $2 }
        /uninitialized/ { print index_; found = 1; exit }
        END { exit !found }' || die "$module offers no free slot"
}

print_token() {
    printf 'export TOKEN_MODULE=%q TOKEN_LABEL=%q\n' "$1" "$label"
    printf 'export TOKEN_PIN_FILE=%q TOKEN_SO_PIN_FILE=%q\n' "$dir/token.pin" "$dir/token.pin.so"
}

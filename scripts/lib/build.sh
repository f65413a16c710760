# Configuring and building, outside of the tree. Sourced.
# shellcheck shell=bash disable=SC2154

# Another tree, another key.
tree_key() { printf '%s' "$gh_root" | sha256sum | cut -c1-12; }

# build_dir NAME: where this tree's build of that name lives.
build_dir() { printf '%s/build/%s-%s' "$gh_cache" "$1" "$(tree_key)"; }

# targets_like DIR PATTERN: the targets that a configured tree has of that name.
targets_like() {
    cmake --build "$1" --target help | sed -n 's/^\(.*\): phony$/\1/p' | grep -Ex "$2"
}

# build_tree PRESET DIR [CMAKE OPTION...]: quiet unless it fails. Builds the targets whose names
# match only_targets, or all when that is empty.
only_targets=
build_tree() {
    local preset=$1 dir=$2 log=$2.log targets
    shift 2
    mkdir -p "$dir"
    (
        # Two builds of the same tree wait for each other.
        exec {build_lock}>"$dir.lock"
        flock "$build_lock"
        cd "$gh_root"
        {
            cmake --preset "$preset" -B "$dir" "$@" &&
                mapfile -t targets < <([ -z "$only_targets" ] || targets_like "$dir" "$only_targets") &&
                cmake --build "$dir" --parallel "$(jobs_count)" \
                    ${targets[0]:+--target "${targets[@]}"}
        } >"$log" 2>&1
    ) || {
        # The first error of a parallel build may stand far up.
        grep -nE 'error:|Error|FAILED|undefined reference' "$log" | head -n 20 >&2
        tail -n 20 "$log" >&2
        die "preset '$preset' did not build; the whole log is $log"
    }
}

# Configuring and building, outside of the tree. Sourced.
# shellcheck shell=bash disable=SC2154

# Another tree, another key.
tree_key() { printf '%s' "$gh_root" | sha256sum | cut -c1-12; }

# build_dir NAME: where this tree's build of that name lives.
build_dir() { printf '%s/build/%s-%s' "$gh_cache" "$1" "$(tree_key)"; }

# build_tree PRESET DIR [CMAKE OPTION...]: quiet unless it fails.
build_tree() {
    local preset=$1 dir=$2 log=$2.log
    shift 2
    mkdir -p "$dir"
    (
        # Two builds of the same tree wait for each other.
        exec {build_lock}>"$dir.lock"
        flock "$build_lock"
        cd "$gh_root"
        {
            cmake --preset "$preset" -B "$dir" "$@" &&
                cmake --build "$dir" --parallel "$(jobs_count)"
        } >"$log" 2>&1
    ) || {
        # The first error of a parallel build may stand far up.
        grep -nE 'error:|Error|FAILED|undefined reference' "$log" | head -n 20 >&2
        tail -n 20 "$log" >&2
        die "preset '$preset' did not build; the whole log is $log"
    }
}

# Shared by the scripts of this directory, which source it. Sets the working directory to the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=never

# The packages that are published, and the same as arguments for cargo.
packages=()
published=()
for manifest in audiosocket-*/Cargo.toml; do
    grep -q '^publish = false' "$manifest" && continue
    packages+=("${manifest%/*}")
    published+=(-p "${manifest%/*}")
done

# Prints a command and runs it.
step() {
    printf '\n== %s\n' "$*"
    "$@"
}

# not_run TEXT: reports a part that this machine cannot run. `finish` then exits with 75.
not_run() {
    printf '\nNOT RUN: %s.\n' "$*"
    incomplete=1
}

finish() {
    [ -z "${incomplete-}" ] || exit 75
}

# unavailable TEXT: nothing of this script can run here.
unavailable() {
    not_run "$@"
    finish
}

# debian COMMAND PACKAGE...: installs the packages if the command is missing. Returns 75 if they cannot be had:
# the source of packages fails, or this is not Debian, or not root.
debian() {
    command -v "$1" >/dev/null && return
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || return 75
    # Scripts that run at the same time wait for each other: apt-get fails while another one runs. A service that a package
    # starts does not keep the lock (--close).
    local apt=(flock --close "${TMPDIR:-/tmp}/audiosocket-ci.lock" apt-get) log status=0
    log=$(mktemp)
    # A source of other packages may fail. What counts is that these can be installed.
    step "${apt[@]}" -q update || true
    # Packages start no services in runlevel 1.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive step "${apt[@]}" -qy --no-install-recommends install "${@:2}" 2>&1 | tee "$log" || status=1
    if [ "$status" = 1 ] && grep -Eq '(Failed|Unable) to fetch|Unable to locate package|no installation candidate' "$log"; then
        status=75
    fi
    rm "$log"
    return "$status"
}

# tool COMMAND CRATE@VERSION OPTION...: installs a program from crates.io if it is missing, with these options of
# `cargo install`. Returns 75 if it cannot be had.
tool() {
    command -v "$1" >/dev/null && return
    local log status=0
    log=$(mktemp)
    # Without optimisation: it runs for seconds, and its build takes minutes.
    step cargo install --locked --debug --config profile.dev.debug=false "${@:2}" 2>&1 | tee "$log" || status=1
    if [ "$status" = 1 ] && grep -Eq 'failed to download|failed to query|failed to fetch|download of .* failed' "$log"; then
        status=75
    fi
    rm "$log"
    return "$status"
}

# have TEXT COMMAND...: runs `debian` or `tool`; false, with a report that TEXT is not run, if it returns 75.
# Every other failure ends the script.
have() {
    local status=0
    "${@:2}" || status=$?
    case $status in
        0) ;;
        75) not_run "$1"; return 1 ;;
        *) exit "$status" ;;
    esac
}

# The linker, without which cargo builds nothing.
have 'all of it, since there is no C compiler to link with' debian cc gcc libc6-dev || finish

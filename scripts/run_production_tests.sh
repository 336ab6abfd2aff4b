#!/usr/bin/env bash
# The documented door to `prodtest preflight` and `prodtest run`. It decides nothing of its own.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: run_production_tests.sh [--dry-run] [--verbose] [--skip-checks] [--help] [-k EXPR]

Checks the settings, the database and the application, counts the test data, phones the application and runs
the booking-flow tests, removes and verifies what they left, and reports.

  --dry-run      Look at everything and say what would run. Nobody is called, nothing is written.
  --verbose      Show each test as it runs.
  --skip-checks  Leave out the checklist. What protects customers' rows cannot be left out.
  -k EXPR        Only the tests that match, as for pytest.
  --help         Show this text.

The settings come from the environment and from .env in the current directory: PRODUCTION_DB_URL,
PRODUCTION_DB_TEST_MODE=true and PRODUCTION_TEST_URL.

Exit codes: 0 fine; 1 a test or a check failed; 2 wrong usage or configuration; 3 refused for safety;
4 the database or the application could not be reached; 130 interrupted, after cleaning up.
TEXT
}

fail() {
    printf 'run_production_tests.sh: %s\n' "$1" >&2
    exit 2
}

# The checkout's own environment, else whatever is installed; the settings of the current directory apply.
find_prodtest() {
    local checkout
    checkout=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
    if [ -x "$checkout/.venv/bin/prodtest" ]; then
        printf '%s\n' "$checkout/.venv/bin/prodtest"
    else
        command -v prodtest || fail "prodtest is not installed: run make install in $checkout"
    fi
}

checks=yes
dry_run=no
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes arguments+=("$1") ;;
    --verbose | -v) arguments+=("$1") ;;
    --skip-checks) checks=no arguments+=("$1") ;;
    -k)
        [ $# -gt 1 ] || fail "-k needs an expression (see --help)"
        arguments+=("$1" "$2")
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) fail "there is no option '$1' (see --help)" ;;
    esac
    shift
done

prodtest=$(find_prodtest)
# A dry run has the checklist in it.
if [ "$checks" = yes ] && [ "$dry_run" = no ]; then
    "$prodtest" preflight
fi
# In this process's place, so that Ctrl-C and SIGTERM reach the run, which cleans up after itself.
exec "$prodtest" run ${arguments[@]+"${arguments[@]}"}

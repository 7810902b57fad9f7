#!/bin/sh
# Rewrite from pyproject.toml: requirements.txt (to run), requirements-redis.txt (to run with the queue on Redis) and
# requirements-test.txt (to run and to test).
# Versions already there are kept where pyproject.toml still allows them; --upgrade takes the newest.
set -eu
cd "$(dirname "$0")/.."

if ! python3.11 -c '' 2>/dev/null; then
    echo "The lock is made with Python 3.11, the oldest the portal supports: what it needs, newer ones get too." >&2
    echo "Cure: install python3.11, with its venv module, and run 'make lock' again." >&2
    exit 1
fi

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT TERM
python3.11 -m venv "$tools"
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check "pip-tools>=7.6,<8"

lock() { # lock OUTPUT [OPTION ...]
    output=$1
    shift
    CUSTOM_COMPILE_COMMAND="make lock" "$tools/bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --output-file "$output" "$@" pyproject.toml
}
lock requirements.txt "$@"
lock requirements-redis.txt --extra redis "$@"
lock requirements-test.txt --extra test --extra redis "$@"

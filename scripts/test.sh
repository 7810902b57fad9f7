#!/bin/sh
# Everything that must hold before a change lands: style, types, migrations, production settings, the suite.
#     TEST_DATABASE_URL   runs what depends on the database on that PostgreSQL too (its user must be able to create
#                         databases)
#     REQUIRE_BROWSER=1   makes a missing Chromium an error, instead of leaving the browser tests out
#     CHROMIUM            the browser's path, where it is not found by itself
set -eu
cd "$(dirname "$0")/.."
postgresql=${TEST_DATABASE_URL:-}
. scripts/clean-env.sh
python=.venv/bin/python

step() { printf '\n== %s\n' "$*"; }
secret() { $python -c 'import secrets; print(secrets.token_urlsafe(50))'; }

# Each test file is compiled once, beside the checks that keep one core busy; else each worker would compile them all.
$python -m pytest --collect-only --quiet >/dev/null 2>&1 &
compiling=$!

sh scripts/lint.sh

step "Migrations say what the models say"
DATABASE_URL=sqlite://:memory: $python manage.py makemigrations --check --dry-run --settings tests.settings

step "Django's deployment checks, under production settings"
PORTAL_URL=https://portal.example.com ALLOWED_HOSTS=portal.example.com DATABASE_URL=sqlite://:memory: \
    SECRET_KEY=$(secret) TOKEN_ENCRYPTION_KEYS=$(secret) \
    $python manage.py check --deploy --fail-level WARNING

if chromium=$($python -m tests.chromium); then
    printf '\nThe browser tests will use %s.\n' "$chromium"
elif [ "${REQUIRE_BROWSER:-}" = 1 ]; then
    echo "There is no Chromium for the browser tests. Cure: apt-get install chromium, or CHROMIUM=its path." >&2
    exit 1
else
    printf '\nNO CHROMIUM: the browser tests are left out. Cure: apt-get install chromium, or CHROMIUM=its path.\n'
fi

# Two workers more than cores: tests also wait, for processes, clocks and the database server. One more for browsers.
cores=$(getconf _NPROCESSORS_ONLN)
workers=$((cores + 2))
# A suite that fails does not hide what the next one would have said; all that failed are named at the end.
failed=""
wait "$compiling" || true # what cannot be collected is said below
step "Tests on SQLite"
$python -m pytest -n "$workers" --dist worksteal -m "not browser" || failed="$failed, tests on SQLite"
if [ -n "$chromium" ]; then
    step "Browser tests"
    # Only files that name the mark are collected.
    marked=$(grep -rl --include="test_*.py" "mark\.browser" tests)
    # shellcheck disable=SC2086 # one word for each file
    $python -m pytest -n "$((cores + 1))" --dist worksteal -m browser $marked || failed="$failed, browser tests"
fi
if [ -n "$postgresql" ]; then
    step "Tests on PostgreSQL of what depends on the database"
    DATABASE_URL="$postgresql" $python -m pytest -n "$workers" --dist worksteal --database-only ||
        failed="$failed, tests on PostgreSQL"
else
    printf '\nTEST_DATABASE_URL is not set: nothing was tried on PostgreSQL.\n'
fi
if [ -n "$failed" ]; then
    printf '\nFAILED: %s\n' "${failed#, }" >&2
    exit 1
fi

#!/bin/sh
# Style and types.
set -eu
cd "$(dirname "$0")/.."
. scripts/clean-env.sh

printf '\n== Style (ruff)\n'
.venv/bin/python -m ruff check .
.venv/bin/python -m ruff format --check .

printf '\n== Types (mypy)\n'
.venv/bin/python -m mypy --num-workers auto .

#!/bin/sh
# Measure five pages of a demo with Lighthouse: scripts/lighthouse.py says how. $1: runs of each page, 5 if empty.
# Needs Node and npm, and the network; nothing of it stays installed.
set -eu
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT TERM
npm install --silent --no-audit --no-fund --prefix "$tools" lighthouse@12.2.3
# From a clean environment, so that the developer's own settings do not reach the demo.
(. scripts/clean-env.sh; .venv/bin/python -m scripts.lighthouse "$tools/node_modules/.bin/lighthouse" "${1:-5}")

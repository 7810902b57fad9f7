#!/bin/sh
# Make .venv from requirements-test.txt, or leave it alone when it is up to date.
set -eu
cd "$(dirname "$0")/.."

wanted=requirements-test.txt
installed=.venv/installed-requirements.txt # what .venv was made from: copied there when all is done
unfinished=.venv/unfinished                # there while packages are being written

usable() { # a .venv whose Python is new enough and is still the one its packages were installed for
    [ -x .venv/bin/python ] && .venv/bin/python -c '
import importlib.util, sys
sys.exit(sys.version_info < (3, 11) or importlib.util.find_spec("pip") is None)' 2>/dev/null
}

up_to_date() {
    cmp -s "$wanted" "$installed" && [ ! -e "$unfinished" ] && usable
}

collect() { # stylesheets and scripts, hashed and compressed, into VAR_DIR/static; again when one of ours is newer
    manifest=${VAR_DIR:-var}/static/staticfiles.json
    if [ -e "$manifest" ] && [ -z "$(find static "$installed" -newer "$manifest" | head -n 1)" ]; then return; fi
    .venv/bin/python manage.py collectstatic --no-input --verbosity 0
}

if up_to_date; then
    collect
    exit 0
fi

# Two of these at once would write over each other; where there is no flock, that is for the caller to avoid.
if command -v flock >/dev/null; then
    [ -d var ] || mkdir -m 700 var # the database will lie in it
    exec 9>var/install.lock
    if ! flock -n 9; then
        echo "Another install is at work: waiting for it."
        flock 9
    fi
    if up_to_date; then
        collect
        exit 0
    fi
fi

if [ -e "$unfinished" ] || ! usable; then
    python=$(sh scripts/find-python.sh)
    if [ -e .venv ]; then
        echo "An earlier install was not finished, or its Python is gone: making .venv anew."
        rm -rf .venv
    fi
    mkdir .venv
    : >"$unfinished"
    "$python" -m venv .venv
fi

echo "Installing the packages of $wanted into .venv (the first time takes a minute or two)."
: >"$unfinished"
rm -f "$installed"
# Nothing is compiled: Python does so with what it imports, and most of these modules nobody imports.
if ! .venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-compile \
    --require-hashes --requirement "$wanted"; then
    echo "The packages could not be installed; pip says why above." >&2
    echo "Usual cures: a way to the package index (network, proxy), or free disk space. Then run it again." >&2
    exit 1
fi
cp "$wanted" "$installed"
rm -f "$unfinished"
collect

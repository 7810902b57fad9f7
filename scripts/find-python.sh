#!/bin/sh
# Print the path of a Python that can make the portal's environment: 3.11 or newer, with venv and pip.
set -eu

question='
import sys
if sys.version_info >= (3, 11):
    try:
        import ensurepip, venv
        print(sys.executable)
    except ImportError:
        print("no venv in python%d.%d" % sys.version_info[:2])
'
without_venv=""
for name in python3.11 python3.12 python3.13 python3.14 python3; do
    # Asked, not only looked for: a version manager leaves a command for versions that are not active.
    answer=$("$name" -c "$question" 2>/dev/null) || continue
    case $answer in
        /*)
            printf '%s\n' "$answer"
            exit 0
            ;;
        "no venv in "*) without_venv=${without_venv:-${answer#no venv in }} ;;
    esac
done

if [ -n "$without_venv" ]; then
    echo "$without_venv is here, but without its venv module, so no environment can be made." >&2
    echo "Cure, on Debian or Ubuntu: apt-get install $without_venv-venv. Then run the command again." >&2
else
    echo "The portal needs Python 3.11 or newer, and there is none (tried python3.11 to python3.14, python3)." >&2
    if found=$(python3 --version 2>/dev/null); then echo "What python3 is here: $found." >&2; fi
    echo "Cure: install one (Debian 12, Ubuntu 24.04 or newer: apt-get install python3 python3-venv;" >&2
    echo "macOS: brew install python). Then run the command again." >&2
fi
exit 1

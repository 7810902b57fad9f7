#!/bin/sh
# Make the vendored font and icon sprite anew: static/recordings/vendor/inter and vendor/lucide.
# Needs npm, and the network; nothing of it is installed. To take newer versions, change them here.
set -eu
cd "$(dirname "$0")/.."

inter=4.1.1
lucide=1.62.0

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT TERM
.venv/bin/python -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check "fonttools==4.68.0" "brotli==1.2.1"
(cd "$tools" && npm pack --silent "inter-ui@$inter" "lucide-static@$lucide" >/dev/null)
for package in inter-ui lucide-static; do
    mkdir "$tools/$package"
    tar -xzf "$tools/$package"-*.tgz -C "$tools/$package" --strip-components=1
done
"$tools/venv/bin/python" scripts/assets.py "$tools/inter-ui" "$tools/lucide-static"

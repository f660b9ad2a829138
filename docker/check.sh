#!/usr/bin/env bash
# Validates docker/ without Docker: the Dockerfile's style, the compose file's schema and variables,
# the shell scripts, and then the build steps themselves in a clean directory.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
[ -x "$bin/hadolint" ] || { echo "Packages are missing: run make check once." >&2; exit 1; }

"$bin/hadolint" docker/Dockerfile
"$bin/check-jsonschema" --builtin-schema vendor.compose-spec docker/compose.yaml
for script in docker/run docker/check.sh; do bash -n "$script"; done

# Every variable that the compose file demands is in the example.
for name in $(grep -o '\${[A-Z_]*' docker/compose.yaml | cut -c3- | sort -u); do
  [ "$name" = ATTUNE_VERSION ] || grep -q "^$name=" docker/example.env \
    || { echo "docker/example.env lacks $name." >&2; exit 1; }
done

"$bin/python" docker/try_build.py

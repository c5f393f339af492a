#!/usr/bin/env bash
# Builds the project and runs a compiled program: scripts/start.sh FOLDER [NAME] [argument...]
# FOLDER is either a program with a main.ts, or contains one program per file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$1
shift
program=$folder/main
if [[ ! -f $program.ts ]]; then
  program=$folder/${1-}
  if [[ ! -f $program.ts ]]; then
    {
      echo "Usage: npm run ${npm_lifecycle_event-$folder} -- NAME [argument...]"
      echo
      echo "Expected NAME to be one of these, got \`${1-}\`:"
      for file in "$folder"/*.ts; do echo "  $(basename "$file" .ts)"; done
    } >&2
    exit 2
  fi
  shift
fi
npm run --silent build
exec node "build/$program.js" "$@"

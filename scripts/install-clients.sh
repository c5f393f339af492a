#!/usr/bin/env bash
# Installs missing clients of `npm run soak -- clients` and the browser tests, from Debian's or Ubuntu's packages.
# Usage: scripts/install-clients.sh [name ...]; without names nginx, curl and chromium. The others are slowhttptest, for
# `npm run h1`; redis-server and postgresql, for `npm run conformance -- --packages` and `npm run packages`; and
# mariadb-server, mosquitto, nats-server and rabbitmq-server, for `npm run packages`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"

readonly POLICY=/usr/sbin/policy-rc.d

as_root() {
  if ((EUID == 0)); then "$@"; else sudo --non-interactive "$@"; fi
}

is_installed() {
  case $1 in
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/postgres' ;;
    mariadb-server) command -v mariadbd && command -v mariadb-install-db ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

# Whether apt can install it. apt also knows names without a candidate, which are not packages.
has_package() {
  LC_ALL=C apt-cache policy "$1" | grep -q '^  Candidate: [^(]'
}

missing=()
for name in "${@:-nginx curl chromium}"; do
  for one in $name; do
    case $one in
      nginx | curl | chromium | slowhttptest | redis-server | postgresql | mariadb-server | mosquitto | nats-server | rabbitmq-server)
        if ! is_installed "$one"; then missing+=("$one"); fi ;;
      *) echo "Expected the name of a client or server, got \`$one\`" >&2; exit 2 ;;
    esac
  done
done
if ((${#missing[@]} == 0)); then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "Missing: ${missing[*]}. There is no apt-get to install them" >&2
  exit 1
fi
if ((EUID != 0)) && ! sudo --non-interactive true 2>/dev/null; then
  echo "Missing: ${missing[*]}. To install them takes root" >&2
  exit 1
fi
# Prevents services from starting: nginx would listen on all interfaces.
if [[ ! -e $POLICY ]]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
  trap 'as_root rm -f "$POLICY"' EXIT
fi
as_root apt-get update -q
# Ubuntu has Chromium only as a snap, and there is no Chrome for arm64 either. The tests then report that they skip it.
if [[ " ${missing[*]} " == *' chromium '* ]] && ! has_package chromium; then
  echo 'Left out: chromium, of which there is no package here' >&2
  others=()
  for name in "${missing[@]}"; do if [[ $name != chromium ]]; then others+=("$name"); fi; done
  missing=("${others[@]}")
  if ((${#missing[@]} == 0)); then exit 0; fi
fi
as_root apt-get install -q -y --no-install-recommends "${missing[@]}"
for name in "${missing[@]}"; do is_installed "$name"; done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The main job in front of the reader: an office is made, a taxpayer enrols and files a real return, the server is killed
# and the same receipt comes back. Everything happens in a temporary directory on loopback and is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(realpath "${BIN:-build/bin}")
python=${PYTHON:-/usr/bin/python3}
data=$(realpath -m "${GUICHET_DATA:-../shared/data}")
generate=$(realpath tests/integration/generate.py)
dir=$(mktemp -d)
cd "$dir"
server=
stop() {
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
	rm -rf "$dir"
}
trap stop EXIT

# Bold and dim are for a terminal; in a file they would be read as signs.
bold='' dim='' plain=''
if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); fi
step() { printf '\n%s── %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain" | sed "s|$bin/||"; "$@" 2>&1; }

serve() {
	rm -f "port"
	"$bin/guichetd" serve "office" --listen 127.0.0.1:0 --port-file "port" 2>>"log" &
	server=$!
	until [ -s "port" ]; do
		kill -0 "$server" || { cat "log"; exit 1; }
		read -rt 0.05 <> <(:) || true
	done
	address=127.0.0.1:$(cat "port")
	echo "guichetd serves on $address"
}

step "An office: authority, keys, an open campaign, the catalogue of all known boxes"
show "$bin/guichetd" init "office"

step "A register of taxpayers (generated; no real person)"
"$python" "$generate" --count 2000 generated
show "$bin/guichetd" import taxpayers "office" "generated/register.csv"

step "The counter opens"
serve

step "One taxpayer enrols: the key pair is made here, the office certifies it"
IFS=, read -r spi name _ filer income _ < <(sed -n 2p "generated/register.csv")
printf 'un mot de passe\n' >"password"
office=(--server "$address" --trust "office/public")
show "$bin/guichet" enrol "${office[@]}" --spi "$spi" --birth-name "$name" --filer-number "$filer" \
	--reference-income "$income" --email contribuable@example.fr --accept-contract --key p256 \
	--password-file "password" --out "me.p12"

step "A return"
if [ -f "$data/returns.irj" ]; then
	show "$bin/guichet" convert irj "$data/returns.irj" --out returns
	return=returns/0001.json
else
	returns=(generated/returns/*.json)
	return=${returns[0]}
fi
head -c 300 "$return"; echo ...

step "It is signed and filed; the receipt comes at once"
me=(--as "me.p12" --password-file "password")
show "$bin/guichet" file "${office[@]}" "${me[@]}" --out "receipt.json" "$return"

step "Anyone can verify it, without a network"
show "$bin/guichet" verify --trust "office/public" "receipt.json" "$return"

step "The server is killed with -9, and started again"
kill -9 "$server"
{ wait "$server"; } 2>/dev/null || true
serve
office=(--server "$address" --trust "office/public")

step "The same receipt comes back"
number=$(sed -n 's/.*"number":"\([^"]*\)".*/\1/p' "receipt.json")
show "$bin/guichet" receipt "$number" "${office[@]}" "${me[@]}" --out "again.json" >/dev/null
cmp "receipt.json" "again.json"
cmp "receipt.tlog-proof" "again.tlog-proof"
echo "receipt and proof are identical, byte for byte"

step "An orderly stop"
kill "$server"
wait "$server" && server=
echo "guichetd finished what it had accepted and stopped"

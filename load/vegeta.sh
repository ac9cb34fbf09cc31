#!/usr/bin/env bash
# Open model: requests are sent at a rate, whether or not earlier ones have a response.
# README.md lists the settings, which come from the environment. Exits with 1 if a threshold fails.
set -euo pipefail

SCENARIO=${SCENARIO:-read}
DURATION=${DURATION:-10}
DATA=${DATA:-$(dirname "${BASH_SOURCE[0]}")/data}
case $SCENARIO in
  read) rate=100 limit_ms=100 ;;
  login) rate=5 limit_ms=2000 ;;
  mixed) rate=50 limit_ms=2000 ;;
  *) echo 'SCENARIO is read, login or mixed.' >&2 && exit 2 ;;
esac
RATE=${RATE:-$rate}
P99_MS=${P99_MS:-$limit_ms}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
# The targets contain the URL of the server: `gatehouse seed --url`.
vegeta attack -format=json -targets="$DATA/$SCENARIO.targets" -rate="$RATE/1s" \
  -duration="${DURATION}s" -timeout=10s >"$results"
vegeta report -type=text "$results"
vegeta report -type=json "$results" | P99_MS=$P99_MS node -e '
  const { requests, success, latencies } = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
  const p99 = latencies["99th"] / 1e6 // vegeta reports ns
  const assert = (holds, what) => {
    console.log(`${holds ? "pass  " : "FAIL  "} ${what}`)
    if (!holds) process.exitCode = 1
  }
  assert(requests > 0 && success === 1, `all ${requests} requests have a 2xx or 3xx response`)
  assert(p99 <= Number(process.env.P99_MS), `p99 of at most ${process.env.P99_MS} ms`)
'

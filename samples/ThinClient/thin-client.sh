#!/usr/bin/env bash
# A device without the library: registers itself, sends what its user did, twice because the first answer was lost, and asks how it stands.
#   thin-client.sh ADDRESS SECRET     e.g. http://127.0.0.1:8080 "$(cat DATA/keys/dev-client.secret)", of 'crdt serve --http ... --dev'
set -euo pipefail
address=$1 secret=$2
uuid() { cat /proc/sys/kernel/random/uuid; }

token=$(curl -sf "$address/connect/token" -d grant_type=client_credentials -d client_id=dev -d "client_secret=$secret" \
  -d 'scope=offline:read:incident offline:write:incident' | sed -n 's/.*"access_token": *"\([^"]*\)".*/\1/p')

ask() { # ask QUERY VARIABLES
  curl -sf "$address/graphql" -H "authorization: Bearer $token" -H 'content-type: application/json' \
    -d "{\"query\": \"$1\", \"variables\": $2}"
  echo
}

device=$(uuid) request=$(uuid)
ask 'mutation($d: DeviceInput!) { registerDevice(device: $d) { id state } }' "{\"d\": {\"id\": \"$device\", \"name\": \"thin client\"}}"

mutation="{\"device\": \"$device\", \"m\": {\"request_id\": \"$request\", \"type\": \"CREATE\", \"domain\": \"incident\", \"entity_type\": \"strike\",
  \"entity_id\": \"$request\", \"payload\": {\"species\": \"kestrel\", \"seen\": {\"\$increment\": 1}, \"tags\": {\"\$add\": [\"night\"]}}}}"
queue='mutation($device: UUID!, $m: MutationInput!) { queueMutation(device: $device, mutation: $m) { sequence is_repeated mutation { id status entity { version fields } } } }'
ask "$queue" "$mutation"
ask "$queue" "$mutation" # sent again: answered, and not done again

ask 'query($device: UUID!) { deviceQueue(device: $device) { mutations pending synced } }' "{\"device\": \"$device\"}"

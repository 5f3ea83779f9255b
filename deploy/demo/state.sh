# shellcheck shell=bash
# What `make up` keeps under .run/: keys, made once, and configurations, written when they change.
# Sourced by up.sh after common.sh.

# The newest key of the class encrypts; one of class public is what the public path needs.
make_keyring() {
    [ ! -s "$RUN/keyring.json" ] || return 0
    cat > "$RUN/keyring.json" <<EOF
[
  {
    "kid": "demo-public-1",
    "class": "public",
    "key": "$(head -c 32 /dev/urandom | base64 -w 0)",
    "not_before": "2020-01-01T00:00:00Z",
    "not_after": "2099-01-01T00:00:00Z"
  }
]
EOF
}

# One API key of the tenant "demo": its text for the client, its hash for the gateway.
make_api_key() {
    [ ! -s "$RUN/keys.json" ] || [ ! -s "$RUN/api-key" ] || return 0
    local key hash
    key=sk-sluice-$(head -c 32 /dev/urandom | basenc -w 0 --base64url | tr -d =)
    hash=$(printf '%s' "$key" | sha256sum | cut -d' ' -f1)
    cat > "$RUN/keys.json" <<EOF
{
  "keys": [
    {
      "id": "demo",
      "hash": "$hash",
      "tenant": "demo",
      "role": "client",
      "created": "$(date -u +%FT%TZ)",
      "revoked": false
    }
  ]
}
EOF
    printf '%s\n' "$key" > "$RUN/api-key"
}

# put FILE: standard input becomes the file, which is left alone (and keeps its date, by which up.sh
# sees what to start anew) when it is that already.
put() {
    cat > "$1.new"
    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
    else
        mv "$1.new" "$1"
    fi
}

# A core for each of the two engines, half of the machine each when there are more.
engine_threads() {
    local cores
    cores=$(nproc)
    printf '%s\n' $((cores > 3 ? cores / 2 : 1))
}

write_configs() {
    put "$(config_of gateway)" <<EOF
instance: 0
http:
  listen: 127.0.0.1:$PORT
bus:
  private:
    bootstrap: $KAFKA
  public:
    bootstrap: $KAFKA_PUBLIC
keyring: $RUN/keyring.json
policy: $ROOT/deploy/demo/policy.yaml
keys: $RUN/keys.json
ingress:
  topics: [llm.ingress.v1]
EOF
    put "$(config_of private-worker)" <<EOF
instance: private-0
model:
  path: $MODEL
  name: $PRIVATE_MODEL
engine:
  threads: $(engine_threads)
  slots: 4
  context: 2048
bus:
  bootstrap: $KAFKA
keyring: $RUN/keyring.json
admin:
  listen: 127.0.0.1:$PRIVATE_ADMIN_PORT
EOF
    put "$(config_of upstream)" <<EOF
# The stand-in for a hosted LLM: the same program without Kafka, one process, one model.
instance: upstream-0
http:
  listen: 127.0.0.1:$UPSTREAM_PORT
model:
  path: $MODEL
  name: $UPSTREAM_MODEL
engine:
  threads: $(engine_threads)
  slots: 4
  context: 2048
EOF
    put "$(config_of public-worker)" <<EOF
instance: public-0
bus:
  bootstrap: $WORKER_KAFKA
keyring: $RUN/keyring.json
upstream:
  url: http://127.0.0.1:$UPSTREAM_PORT/v1
  models:
    $PUBLIC_MODEL: $UPSTREAM_MODEL
admin:
  listen: 127.0.0.1:$PUBLIC_ADMIN_PORT
EOF
}

# What clients, auditors and tests read: `. .run/env`.
write_env() {
    put "$RUN/kafka.json" <<EOF
{"bootstrap.servers": "$KAFKA"}
EOF
    put "$RUN/env" <<EOF
export SLUICE_URL=http://127.0.0.1:$PORT
export SLUICE_API_KEY=$(cat "$RUN/api-key")
export SLUICE_KAFKA=$KAFKA
export SLUICE_KAFKA_PUBLIC=$KAFKA_PUBLIC
export SLUICE_KAFKA_CONFIG='$RUN/kafka.json'
export SLUICE_KEYRING='$RUN/keyring.json'
export SLUICE_CONFIG='$RUN/gateway.yaml'
EOF
}

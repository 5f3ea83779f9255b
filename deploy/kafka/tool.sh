# shellcheck shell=bash
# Kafka's own command-line tool for the scripts beside this one, with the admin certificate. Sourced
# after deploy/lib.sh, by scripts that set PKI (a folder with admin.pem and ca.pem).

for file in admin.pem ca.pem; do
    [ -s "$PKI/$file" ] || die "$PKI/$file is missing" "run: pki.sh issue $PKI admin client"
done
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
printf '%s\n' security.protocol=SSL ssl.keystore.type=PEM "ssl.keystore.location=$PKI/admin.pem" \
    ssl.truststore.type=PEM "ssl.truststore.location=$PKI/ca.pem" > "$TMP/admin.properties"

# configs HOST:PORT ARGUMENTS…
configs() {
    local address=$1
    shift
    java -Xmx96m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dlog4j2.configurationFile="$ROOT/deploy/kafka/log4j2-tool.yaml" \
        -cp "$CACHE/kafka/libs/*" kafka.admin.ConfigCommand --bootstrap-server "$address" \
        --command-config "$TMP/admin.properties" "$@" < /dev/null 2> "$TMP/err"
}

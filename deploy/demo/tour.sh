#!/usr/bin/env bash
# tour.sh: five requests through the running system (`make up` first), each with what became of it,
# then the audit of exactly these five, then how to go on.
# shellcheck source=deploy/demo/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -s "$RUN/env" ] || die "nothing runs here" "run: make up"
# shellcheck source=/dev/null
. "$RUN/env"
SINCE=$(date -u +%FT%T.%3NZ)
STOP=0
ANSWER_S=90

# title TEXT
title() {
    STOP=$((STOP + 1))
    printf '\n\033[1m%d. %s\033[0m\n' "$STOP" "$1"
}

# ask TITLE TEXT: over HTTP, printing the answer as it comes.
ask() {
    title "$1"
    say "   > $2"
    timeout "$ANSWER_S" "$BIN/sluice" send --stream --explain --max-tokens 60 --temperature 0 \
        "$2" < /dev/null ||
        die "request $STOP failed, or had no whole answer after $ANSWER_S s" \
            "look into the logs in $RUN/log"
}

# A producer inside the private cloud knows nothing of HTTP: one record in, the answer out.
ask_kafka() {
    local text=$1 id body since answer end
    title "Produced straight onto llm.ingress.v1 with kcat, its answer read from llm.egress.v1"
    say "   > $text"
    id=$(cat /proc/sys/kernel/random/uuid)
    body="{\"model\":\"auto\",\"max_tokens\":60,\"temperature\":0,"
    body+="\"messages\":[{\"role\":\"user\",\"content\":\"$text\"}]}"
    since=$(date +%s%3N)
    printf '%s' "$body" |
        kcat -P -q -b "$SLUICE_KAFKA" -t llm.ingress.v1 -k "tour-$id" -H "ce_id=$id" ||
        die "kcat could not produce to llm.ingress.v1" "look into $RUN/kafka/broker.log"
    end=$((SECONDS + ANSWER_S))
    # kcat reads from the moment before to the end, again until the record that answers has come.
    until answer=$(kcat -C -q -e -b "$SLUICE_KAFKA" -t llm.egress.v1 -o "s@$since" -f '%h\t%s\n' \
        2> "$RUN/log/tour-kcat.log" | grep -F "ce_correlationid=$id"); do
        [ "$SECONDS" -lt "$end" ] ||
            die "no answer on llm.egress.v1 within $ANSWER_S s" "look into the logs in $RUN/log"
        sleep 0.2
    done
    {
        kcat -C -q -e -b "$SLUICE_KAFKA" -t llm.audit.v1 -o "s@$since" -f '%h\t%s\n'
        kcat -C -q -e -b "$SLUICE_KAFKA_PUBLIC" -t llm.public.audit.v1 -o "s@$since" -f '%h\t%s\n'
    } > "$RUN/log/tour-audit.log"
    python3 "$ROOT/deploy/demo/show_egress.py" "$RUN/log/tour-audit.log" <<< "$answer"
}

say "Sluice: five requests, where each may go, and the proof."
ask "An ordinary question: the public path" "Why is the sky blue? Answer in one sentence."
ask "A resident ID number (its check digit is right): private" \
    "Please check the form of Zhang Wei, ID 11010519491231002X."
ask "A document marked Confidential: private" \
    "CONFIDENTIAL. Summarise: the merger with Northwind closes in May."
ask "Chinese, with a phone number: private" "请给张先生写一条短信,他的电话是13812345678。"
ask_kafka "Name three uses of a canal lock."

title "The books of the tour"
"$BIN/sluice" audit --since "$SINCE" || die "the audit found something" "read the lines above"

cat <<EOF

Go on; the lines can be pasted, in this folder and after: . ${RUN#"$ROOT/"}/env

curl -N "\$SLUICE_URL/v1/chat/completions" -H "Authorization: Bearer \$SLUICE_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'

${CACHE#"$ROOT/"}/venv/bin/python - <<'PY'
import os
from openai import OpenAI
client = OpenAI(base_url=os.environ["SLUICE_URL"] + "/v1", api_key=os.environ["SLUICE_API_KEY"])
question = [{"role": "user", "content": "Hello!"}]
for part in client.chat.completions.create(model="auto", messages=question, stream=True):
    print(part.choices[0].delta.content or "" if part.choices else "", end="", flush=True)
print()
PY

echo '{"model":"auto","messages":[{"role":"user","content":"Hello!"}]}' |
  kcat -P -b "\$SLUICE_KAFKA" -t llm.ingress.v1 -H "ce_id=\$(cat /proc/sys/kernel/random/uuid)"
kcat -C -e -b "\$SLUICE_KAFKA" -t llm.egress.v1 -f '%h %s\n'

Everything stays up: make down stops it, make demo takes the tour again.
EOF

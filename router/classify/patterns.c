/* patterns.c - one Vectorscan database of everything that has a literal to look for.
 *
 * Rules that keep it at 1-3 microseconds for 2 KB: no bare digit or letter classes (numbers.c has
 * the numbers), no UTF8 flag (Chinese words are literal bytes of the normalised view), caseless by
 * (?i) where it is meant, no start of match, no open-ended tails (a tail would be reported at each
 * of its bytes): a pattern ends as soon as it is sure, and the check looks back and on from there.
 * The database is compiled once a process and shared; each router has its own scratch. */
#include "router/classify/classify.h"

#include <hs/hs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum kind { K_TOKEN, K_EMAIL, K_URL, K_ASSIGN, K_PASSWORD, K_CTX, K_FIXED, K_MARKING } kind;

typedef struct pattern {
    const char *expr;
    kind kind;
    int arg; /* K_TOKEN, K_FIXED: entity; K_CTX: bits; K_MARKING: id */
    int len; /* K_TOKEN: bytes of the match, so that its start is known; 0: unknown */
} pattern;

#define TOKEN(expr, len)                     \
    {                                        \
        expr, K_TOKEN, SL_ENT_API_TOKEN, len \
    }
#define FIXED(expr, ent)               \
    {                                  \
        expr, K_FIXED, SL_ENT_##ent, 0 \
    }
#define CTX(expr, bits)             \
    {                               \
        "(?i)" expr, K_CTX, bits, 0 \
    }

static const pattern patterns[] = {
    {"[A-Za-z0-9._%+-]@[A-Za-z0-9]", K_EMAIL, 0, 0},
    {"://[^\\s/?#@:]{1,64}:[^\\s/?#@]{1,128}@", K_URL, 0, 0},
    {"(?i)\\b(?:server|data source)=[^;\\s]{1,64};.{0,120}(?:password|pwd)=[^;\\s]{3}", K_FIXED,
     SL_ENT_URL_CREDENTIALS, 0},

    /* private keys */
    FIXED("-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----", PRIVATE_KEY),
    FIXED("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", PRIVATE_KEY),
    FIXED("PuTTY-User-Key-File-[23]:", PRIVATE_KEY),
    FIXED("AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", PRIVATE_KEY),

    /* JWT: two base64url objects, dot between */
    FIXED("\\beyJ[A-Za-z0-9_-]{15,2000}\\.eyJ[A-Za-z0-9_-]{15}", JWT),

    /* clouds */
    TOKEN("\\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\\b", 20),
    TOKEN("\\bAIza[A-Za-z0-9_-]{35}", 39),
    TOKEN("\\bya29\\.[A-Za-z0-9_-]{30}", 35),
    TOKEN("\\bGOCSPX-[A-Za-z0-9_-]{28}", 35),
    TOKEN("\\bLTAI[A-Za-z0-9]{16}", 20),
    TOKEN("\\bAKID[A-Za-z0-9]{28}", 32),
    TOKEN("\\bAKLT[A-Za-z0-9_-]{30}", 34),
    TOKEN("\\bbce-v3/ALTAK-[A-Za-z0-9]{21}/[a-f0-9]{40}", 0),
    TOKEN("\\bAccountKey=[A-Za-z0-9+/]{60}", 0),
    TOKEN("\\bSharedAccessKey=[A-Za-z0-9+/]{40}", 0),
    TOKEN("\\bdop_v1_[a-f0-9]{64}", 71),
    TOKEN("\\b[A-Za-z0-9]{3}8Q~[A-Za-z0-9_~.-]{31}", 37),
    TOKEN("\\bdapi[a-f0-9]{32}", 36),
    TOKEN("\\bhvs\\.[A-Za-z0-9_-]{24}", 28),
    TOKEN("\\bhvb\\.[A-Za-z0-9_-]{80}", 84),

    /* models */
    TOKEN("\\bsk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{24}", 0),
    TOKEN("\\bsk-(?:proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20}", 0),
    TOKEN("\\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}", 51),
    TOKEN("\\bsk-[A-Za-z0-9]{32}", 35),
    TOKEN("\\bhf_[A-Za-z]{34}", 37),
    TOKEN("\\bgsk_[A-Za-z0-9]{48}", 52),
    TOKEN("\\br8_[A-Za-z0-9]{37}", 40),
    TOKEN("\\bpplx-[A-Za-z0-9]{40}", 45),
    TOKEN("\\bxai-[A-Za-z0-9]{60}", 64),

    /* code and packages */
    TOKEN("\\bgh[pousr]_[A-Za-z0-9]{36}", 40),
    TOKEN("\\bgithub_pat_[A-Za-z0-9_]{60}", 71),
    TOKEN("\\bgl(?:pat|ptt|dt|rt|cbt|soat|ft|oas|agent)-[A-Za-z0-9_-]{20}", 0),
    TOKEN("\\bATATT3[A-Za-z0-9_=-]{60}", 66),
    TOKEN("\\bATBB[A-Za-z0-9]{28}", 32),
    TOKEN("\\bnpm_[A-Za-z0-9]{36}", 40),
    TOKEN("\\bpypi-AgE[A-Za-z0-9_-]{50}", 58),
    TOKEN("\\brubygems_[a-f0-9]{48}", 57),
    TOKEN("\\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27}", 36),
    TOKEN("\\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}", 64),
    TOKEN("\\bpul-[a-f0-9]{40}", 44),
    TOKEN("\\bCCIPAT_[A-Za-z0-9_]{40}", 47),

    /* services */
    TOKEN("\\bxox[abeoprs]-[A-Za-z0-9-]{20}", 25),
    TOKEN("\\bxapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,16}-[a-f0-9]{32}", 0),
    TOKEN("hooks\\.slack\\.com/(?:services|workflows)/[A-Z][A-Za-z0-9]{8,12}/[A-Z][A-Za-z0-9]{8}",
          0),
    TOKEN("discord(?:app)?\\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60}", 0),
    TOKEN("oapi\\.dingtalk\\.com/robot/send\\?access_token=[a-f0-9]{64}", 0),
    TOKEN("qyapi\\.weixin\\.qq\\.com/cgi-bin/webhook/send\\?key=[a-f0-9-]{36}", 0),
    TOKEN("open\\.feishu\\.cn/open-apis/bot/v2/hook/[a-f0-9-]{36}", 0),
    TOKEN("\\b[sr]k_(?:live|test)_[A-Za-z0-9]{16}", 24),
    TOKEN("\\bwhsec_[A-Za-z0-9+/]{24}", 30),
    TOKEN("\\bsq0(?:atp|csp)-[A-Za-z0-9_-]{22}", 29),
    TOKEN("\\bSG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}", 69),
    TOKEN("\\bkey-[a-f0-9]{32}\\b", 36),
    TOKEN("\\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", 0),
    TOKEN("\\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", 38),
    TOKEN("\\bgl(?:sa|c)_[A-Za-z0-9+/_]{32}", 0),
    TOKEN("\\bNRAK-[A-Z0-9]{27}", 32),
    TOKEN("\\blin_api_[A-Za-z0-9]{40}", 48),
    TOKEN("\\bntn_[A-Za-z0-9]{40}", 44),
    TOKEN("\\bdp\\.(?:pt|st|ct)\\.[A-Za-z0-9._-]{40}", 0),
    TOKEN("\\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32}", 0),
    TOKEN("\\bEAA[A-Za-z0-9]{60}", 63),
    TOKEN("\\bsntr(?:ys|yu)_[A-Za-z0-9+/=_]{40}", 0),
    TOKEN("\\bfigd_[A-Za-z0-9_-]{40}", 45),
    TOKEN("\\bTSKEY-[a-z]{4,8}-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{20}", 0),

    /* name and value; the value is judged in secrets.c */
    {"(?i)(?:api[_-]?key|secret[_-]?(?:access[_-]?)?key|access[_-]?(?:key|token)|auth[_-]?token|"
     "client[_-]?secret|private[_-]?key|refresh[_-]?token|bearer[_-]?token|encryption[_-]?key|"
     "signing[_-]?(?:key|secret)|app[_-]?secret|secret|token|credential)s?[\"'`\\]]?\\s{0,3}(?::|=|"
     "=>|:=)\\s{0,2}[\"'`]?[^\\s\"'`=]",
     K_ASSIGN, 0, 0},
    {"(?i)\\b(?:authorization[\"']?\\s{0,2}[:=]\\s{0,2}[\"']?)?(?:bearer|basic)\\s[A-Za-z0-9._~+/"
     "-]",
     K_ASSIGN, 0, 0},
    {"(?i)(?:password|passwd|passphrase|\\bpwd|passwort|kennwort|mot de passe|contrase\xc3\xb1"
     "a|senha|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"
     "\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|"
     "\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|\xe5\xaf\x86\xe7\xa0\x81|"
     "\xe5\xaf\x86\xe7\xa2\xbc|\xe5\x8f\xa3\xe4\xbb\xa4)"
     "[\"'`\\]]?\\s{0,3}(?::|=|=>|:=|is|\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba)\\s{0,3}[\"'`]?[^"
     "\\s\"'`=]",
     K_PASSWORD, 0, 0},

    FIXED("(?i)data:(?:image|audio|video|application)/[a-z0-9.+-]{2,60};base64,", OPAQUE_CONTENT),

    /* context words */
    CTX("(?:\\b(?:credit|debit|bank|payment)[ -]?card|\\bcard "
        "(?:no|num|number|ending|details)|\\b(?:visa|mastercard|amex|unionpay|maestro)\\b|"
        "\\bcc(?:n|num)?\\b|\\bcvv|\\bcard\\b|kreditkarte|carte (?:de "
        "cr|bancaire|bleue)|tarjeta|cart[\xc3][\xa3]o|"
        "\xe4\xbf\xa1\xe7\x94\xa8\xe5\x8d\xa1|\xe9\x93\xb6\xe8\xa1\x8c\xe5\x8d\xa1|"
        "\xe5\x82\xa8\xe8\x93\x84\xe5\x8d\xa1|\xe5\x80\x9f\xe8\xae\xb0\xe5\x8d\xa1|"
        "\xe5\x8d\xa1\xe5\x8f\xb7|\xe9\x93\xb6\xe8\xa1\x8c\xe8\xb4\xa6\xe5\x8f\xb7)",
        SL_CTX_CARD),
    CTX("(?:\xe8\xba\xab\xe4\xbb\xbd\xe8\xaf\x81|\xe8\xba\xab\xe4\xbb\xbd\xe8\xad\x89|"
        "\xe8\xaf\x81\xe4\xbb\xb6\xe5\x8f\xb7|\xe8\xaf\x81\xe4\xbb\xb6\xe5\x8f\xb7\xe7\xa0\x81|"
        "\xe5\xb1\x85\xe6\xb0\x91\xe8\xba\xab\xe4\xbb\xbd|"
        "\xe5\x85\xac\xe6\xb0\x91\xe8\xba\xab\xe4\xbb\xbd|\xe8\xba\xab\xe5\x88\x86\xe8\xaf\x81|"
        "\\bid (?:card|no|num|number)|\\bresident id|\\bidentity (?:card|number)|\\bnational "
        "id|\\bshen ?fen ?zheng|\\bid[:#])",
        SL_CTX_CN_ID),
    CTX("(?:\\b(?:tele)?phone|\\btel\\b|\\btel[.:0-9]|\\bmobile|\\bcell(?:phone| "
        "phone|:)|\\bfax|\\bcall(?:ing)?\\b|\\bdial\\b|\\bwhatsapp|\\bsms\\b|"
        "\\breach (?:me|us|him|her|you|them)|\\btext (?:me|us|him|her)|\\banswering "
        "at|\\boffice\\b|\\bregistered\\b|\\bcontact (?:me|us|number|no)|\\bring me|"
        "telefon|t\xc3\xa9l\xc3\xa9phone|\\bhandy|"
        "\xe7\x94\xb5\xe8\xaf\x9d|\xe9\x9b\xbb\xe8\xa9\xb1|\xe6\x89\x8b\xe6\x9c\xba|"
        "\xe6\x89\x8b\xe6\xa9\x9f|\xe8\x81\x94\xe7\xb3\xbb\xe6\x96\xb9\xe5\xbc\x8f|"
        "\xe5\xba\xa7\xe6\x9c\xba|\xe8\x87\xb4\xe7\x94\xb5|\xe4\xbc\xa0\xe7\x9c\x9f|"
        "\xe5\xbe\xae\xe4\xbf\xa1)",
        SL_CTX_PHONE),
    CTX("(?:\\bssn\\b|\\bsocial security|\\bsocial sec\\b|\\btax ?id\\b|\\bitin\\b)", SL_CTX_SSN),
    CTX("(?:\\biban\\b|\\bbank account|\\baccount (?:no|num|number)|kontonummer)", SL_CTX_IBAN),
};

#define PATTERNS (sizeof patterns / sizeof *patterns)

static struct {
    pthread_once_t once;
    hs_database_t *db;
    char fault[160];
} global = {.once = PTHREAD_ONCE_INIT};

static const char *expr_of(size_t i)
{
    return i < PATTERNS ? patterns[i].expr : sl_marking_expr(i - PATTERNS);
}

static void compile(void)
{
    size_t n = PATTERNS + sl_markings();
    const char **expr = calloc(n, sizeof *expr);
    unsigned *ids = calloc(n, sizeof *ids), *flags = calloc(n, sizeof *flags);
    hs_compile_error_t *err = NULL;
    if (!expr || !ids || !flags) {
        snprintf(global.fault, sizeof global.fault, "out of memory");
        goto cleanup;
    }
    for (size_t i = 0; i < n; i++)
        expr[i] = expr_of(i), ids[i] = (unsigned)i;
    if (hs_compile_multi(expr, flags, ids, (unsigned)n, HS_MODE_BLOCK, NULL, &global.db, &err) !=
        HS_SUCCESS) {
        global.db = NULL;
        snprintf(global.fault, sizeof global.fault, "pattern %d: %s", err ? err->expression : -1,
                 err ? err->message : "no detail");
    }
cleanup:
    hs_free_compile_error(err);
    free(expr);
    free(ids);
    free(flags);
}

sl_status sl_patterns_open(struct hs_scratch **scratch, sl_error *reterr)
{
    pthread_once(&global.once, compile);
    if (!global.db)
        return sl_fail(reterr, SL_E_INTERNAL, "the pattern database does not compile: %s",
                       global.fault);
    if (hs_alloc_scratch(global.db, scratch) != HS_SUCCESS)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the pattern scratch");
    return SL_OK;
}

void sl_patterns_scratch_free(struct hs_scratch *s)
{
    hs_free_scratch(s);
}

typedef struct scan {
    sl_classifier *c;
    sl_str t;
} scan;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *arg)
{
    scan *s = arg;
    size_t end = (size_t)to;
    if (id >= PATTERNS) {
        sl_check_marking(s->c, s->t, end, (int)(id - PATTERNS));
        return 0;
    }
    const pattern *p = &patterns[id];
    switch (p->kind) {
    case K_TOKEN:
        sl_check_token(s->c, s->t, end, (sl_entity)p->arg, p->len);
        break;
    case K_EMAIL:
        sl_check_email(s->c, s->t, end);
        break;
    case K_URL:
        sl_check_url(s->c, s->t, end);
        break;
    case K_ASSIGN:
    case K_PASSWORD:
        sl_check_assignment(s->c, s->t, end, p->kind == K_PASSWORD);
        break;
    case K_CTX:
        sl_ctx_mark(s->c, end, (uint32_t)p->arg);
        break;
    case K_FIXED:
        sl_add(s->c, (sl_entity)p->arg, sl_entities[p->arg].level, end - 1, 1);
        break;
    case K_MARKING:
        break;
    }
    return 0;
}

bool sl_patterns_scan(sl_classifier *c, sl_str t)
{
    scan s = {c, t};
    return hs_scan(global.db, t.p, (unsigned)t.n, 0, c->scratch, on_match, &s) == HS_SUCCESS;
}

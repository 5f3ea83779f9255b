/* idrules.c - the table of identifiers that are known by their form, compiled for look-up by their
 * length. */
#include "router/classify/idrules.h"

#include "router/classify/validators.h"

#include <pthread.h>

/* ---- checks that ask for more than the validator: a bare number must be a likely one ---- */

static int two(const char *s)
{
    return (s[0] - '0') * 10 + s[1] - '0';
}

/* Allocation codes of phones begin so. */
static bool imei_known(const char *s, size_t n)
{
    static const char *const begins[] = {"01", "35", "86", "99", "91",
                                         "98", "44", "45", "49", "53"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (memcmp(s, begins[i], 2) == 0)
            return sl_check_imei(s, n);
    }
    return false;
}

static bool any_letter(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] >= 'A')
            return true;
    }
    return false;
}

static bool vin_lettered(const char *s, size_t n)
{
    return any_letter(s, 3) && sl_check_vin(s, n);
}

/* All digits would be a number of some other kind. */
static bool uscc_lettered(const char *s, size_t n)
{
    bool office = memchr("159NY", s[0], 5) != NULL && two(s + 2) >= 10 && two(s + 2) <= 82;
    return (office || any_letter(s, n)) && sl_check_cn_uscc(s, n);
}

static bool dea_registrant(const char *s, size_t n)
{
    return memchr("ABCDEFGHJKLMPRSTUX", s[0], 18) && sl_check_us_dea(s, n);
}

static bool luhn_before_letters(const char *s, size_t n)
{
    return sl_check_luhn(s, n - 2);
}

/* Branch 0001 of a company, as nearly all are. */
static bool cnpj_head(const char *s, size_t n)
{
    return memcmp(s + 8, "000", 3) == 0 && sl_check_br_cnpj(s, n);
}

static bool ec_ruc_main(const char *s, size_t n)
{
    return memcmp(s + 10, "001", 3) == 0 && sl_check_ec_ruc(s, n);
}

static bool de_card(const char *s, size_t n)
{
    if (!memchr("CFGHJKLMNPRTVWXYZ", s[0], 17))
        return false;
    int letters = 0;
    for (size_t i = 0; i < 9; i++) {
        if (s[i] >= 'A' && !memchr("CFGHJKLMNPRTVWXYZ", s[i], 17))
            return false;
        letters += s[i] >= 'A';
    }
    return letters >= 2 && sl_check_icao9(s, n);
}

static bool de_vat_prefixed(const char *s, size_t n)
{
    return s[0] == 'D' && s[1] == 'E' && sl_check_de_vat(s + 2, n - 2);
}

static bool it_vat(const char *s, size_t n)
{
    return s[0] == 'I' && s[1] == 'T' && sl_check_it_iva(s + 2, n - 2);
}

static bool nl_vat(const char *s, size_t n)
{
    return n == 14 && s[0] == 'N' && s[1] == 'L' && s[11] == 'B';
}

static bool at_vnr_dated(const char *s, size_t n)
{
    return sl_date_valid(2000 + two(s + 8), two(s + 6), two(s + 4), 2000, 2099) &&
           sl_check_at_vnr(s, n);
}

/* Sex, month, department. */
static bool nir_dated(const char *s, size_t n)
{
    int month = two(s + 3);
    bool dated =
        (month >= 1 && month <= 12) || month == 20 || (month >= 30 && month <= 42) || month >= 50;
    return memchr("123478", s[0], 6) && dated && sl_check_fr_nir(s, n);
}

static bool be_nn_dated(const char *s, size_t n)
{
    return two(s + 4) <= 31 && sl_check_be_nn(s, n);
}

static bool baltic_living(const char *s, size_t n)
{
    return s[0] >= '3' && s[0] <= '6' && sl_check_ee_ik(s, n);
}

static bool cif_company(const char *s, size_t n)
{
    return memchr("ABEFGHJUV", s[0], 9) && two(s + 1) != 0 && sl_check_es_cif(s, n);
}

/* Months are told + 20, + 50 or + 70, no others. */
static bool rc_month(const char *s, size_t n)
{
    int month = two(s + 2) % 50;
    return (month <= 12 || (month >= 21 && month <= 32)) && sl_check_cz_rc(s, n);
}

/* Born since 1930; "20…" begins times of day written in one. */
static bool eg_living(const char *s, size_t n)
{
    return (s[0] == '3' || s[1] >= '3') && sl_check_eg_nid(s, n);
}

static bool cnp_living(const char *s, size_t n)
{
    return memchr("12567", s[0], 5) && sl_check_ro_cnp(s, n);
}

static bool jmbg_living(const char *s, size_t n)
{
    return (s[4] == '9' || (s[4] == '0' && s[5] <= '2')) && sl_check_jmbg(s, n);
}

/* Since October 2020 the last six digits are random: the date alone must do. */
static bool kr_dated(const char *s, size_t n)
{
    static const int centuries[] = {1800, 1900, 1900, 2000, 2000, 1900, 1900, 2000, 2000, 1800};
    return sl_date_valid(centuries[s[6] - '0'] + two(s), two(s + 2), two(s + 4), 1880, 2100) &&
           (sl_check_kr_rrn(s, n) || s[6] != '0');
}

static bool gha_card(const char *s, size_t n)
{
    return memcmp(s, "GHA", 3) == 0 && n == 13;
}

/* ---- the table ---- */

typedef struct id_rule {
    sl_entity entity;
    const char *form, *sure, *weak;
    sl_check *check;
} id_rule;

static const id_rule rules[] = {
#define Z(entity, form, sure, weak, check) {SL_ENT_##entity, form, sure, weak, check},
#include "router/classify/id_rules.def"
#undef Z
};
enum { RULES = sizeof rules / sizeof *rules, WAYS_MAX = 512 };

/* One way of writing an identifier. */
typedef struct way {
    uint32_t key; /* the lengths of its parts, 4 bits each; of one part alone 0 */
    uint8_t parts, rule;
    bool sure;
    char sep[SL_PARTS];
} way;

enum { SEEN_BITS = 12 };

static struct {
    pthread_once_t once;
    uint64_t letters[RULES], either[RULES];
    way ways[WAYS_MAX]; /* by length: in one part, in more; the sure ones first */
    int first[SL_TOKEN + 2], more[SL_TOKEN + 1];
    uint16_t begins[16];                 /* by the first part: bits of the second */
    uint64_t seen[1 << (SEEN_BITS - 6)]; /* keys that any way has, by hash */
} table = {.once = PTHREAD_ONCE_INIT};

static int form_length(const char *form, uint64_t *letters, uint64_t *either)
{
    int n = 0;
    while (*form) {
        char kind = *form++;
        int count = 0;
        while (*form >= '0' && *form <= '9')
            count = count * 10 + *form++ - '0';
        for (; count > 0; count--, n++) {
            *letters |= (uint64_t)(kind == 'L') << n;
            *either |= (uint64_t)(kind == 'A') << n;
        }
    }
    return n;
}

static unsigned key_bit(uint32_t key)
{
    return key * 2654435761u >> (32 - SEEN_BITS);
}

/* "3.3.3-2|11" as ways; returns how many there are now. */
static int add_ways(int n, int rule, const char *text, bool sure, bool one)
{
    while (*text) {
        way w = {.rule = (uint8_t)rule, .sure = sure};
        while (*text && *text != '|') {
            if (*text >= '0' && *text <= '9') {
                uint32_t len = 0;
                while (*text >= '0' && *text <= '9')
                    len = len * 10 + (uint32_t)(*text++ - '0');
                w.key = w.key << 4 | (len & 15);
                w.parts++;
            } else {
                w.sep[w.parts] = *text++;
            }
        }
        text += *text == '|';
        if ((w.parts == 1) != one)
            continue;
        if (!one)
            table.begins[w.key >> 4 * (w.parts - 1) & 15] |=
                (uint16_t)(1 << (w.key >> 4 * (w.parts - 2) & 15));
        if (!one)
            table.seen[key_bit(w.key) / 64] |= UINT64_C(1) << key_bit(w.key) % 64;
        table.ways[n++] = w;
    }
    return n;
}

static void compile(void)
{
    int length[RULES], n = 0;
    for (int r = 0; r < RULES; r++)
        length[r] = form_length(rules[r].form, &table.letters[r], &table.either[r]);
    for (int l = 0; l <= SL_TOKEN; l++) {
        table.first[l] = n;
        for (int order = 0; order < 4; order++) {
            if (order == 2)
                table.more[l] = n;
            for (int r = 0; r < RULES; r++) {
                if (length[r] == l)
                    n = add_ways(n, r, order % 2 ? rules[r].weak : rules[r].sure, order % 2 == 0,
                                 order < 2);
            }
        }
    }
    table.first[SL_TOKEN + 1] = n;
}

void sl_idrules_open(void)
{
    pthread_once(&table.once, compile);
}

bool sl_idrules_begins(size_t first, size_t second)
{
    return first < 16 && second < 16 && (table.begins[first] >> second & 1);
}

static bool separated_so(const sl_token *k, int last, const way *w)
{
    if (k->key[last] != w->key || last + 1 != w->parts)
        return false;
    for (int i = 1; i <= last; i++) {
        if (k->sep[i] != w->sep[i] && !(w->sep[i] == '~' && memchr(" -.", k->sep[i], 3)))
            return false;
    }
    return true;
}

sl_verdict sl_idrules_match(const sl_token *k, int last, sl_entity *ret)
{
    int n = k->n[last], from, to;
    uint64_t mask = sl_token_mask(k, last);
    if (last == 0) {
        from = table.first[n], to = table.more[n];
    } else {
        unsigned bit = key_bit(k->key[last]);
        if (!(table.seen[bit / 64] >> bit % 64 & 1))
            return SL_ID_NO;
        from = table.more[n], to = table.first[n + 1];
    }
    if ((k->upper & mask) && (k->lower & mask))
        return SL_ID_NO;
    for (int i = from; i < to; i++) {
        const way *w = &table.ways[i];
        if ((k->letters & mask & ~table.either[w->rule]) != table.letters[w->rule] ||
            (last > 0 && !separated_so(k, last, w)) || !rules[w->rule].check(k->s, (size_t)n))
            continue;
        *ret = rules[w->rule].entity;
        return w->sure ? SL_ID_SURE : SL_ID_WEAK;
    }
    return SL_ID_NO;
}

bool sl_idrules_lone(const char *s, int n, sl_entity *ret)
{
    static const struct {
        sl_entity entity;
        sl_check *check;
    } checks[] = {
        {SL_ENT_NL_BSN, sl_check_nl_bsn},
        {SL_ENT_PT_NIF, sl_check_pt_nif},
        {SL_ENT_GR_AFM, sl_check_gr_afm},
        {SL_ENT_PL_REGON, sl_check_pl_regon},
        {SL_ENT_IL_ID, sl_check_il_id},
        {SL_ENT_HU_TAJ, sl_check_hu_taj},
        {SL_ENT_AU_TFN, sl_check_au_tfn},
        {SL_ENT_AU_ACN, sl_check_au_acn},
        {SL_ENT_NZ_IRD, sl_check_nz_ird},
        {SL_ENT_US_ABA_ROUTING, sl_check_us_rtn},
        {SL_ENT_RS_PIB, sl_check_rs_pib},
        {SL_ENT_SA_ID, sl_check_sa_id},
        {SL_ENT_RU_INN, sl_check_ru_inn},
        {SL_ENT_UA_RNTRC, sl_check_ua_rntrc},
        {SL_ENT_UK_NHS, sl_check_gb_nhs},
        {SL_ENT_UK_UTR, sl_check_gb_utr},
        {SL_ENT_PL_NIP, sl_check_pl_nip},
        {SL_ENT_KR_BRN, sl_check_kr_brn},
        {SL_ENT_US_NPI, sl_check_us_npi},
        {SL_ENT_AU_MEDICARE, sl_check_au_medicare},
        {SL_ENT_TR_VKN, sl_check_tr_vkn},
        {SL_ENT_DK_CPR, sl_check_dk_cpr},
        {SL_ENT_HR_OIB, sl_check_hr_oib},
        {SL_ENT_IN_AADHAAR, sl_check_in_aadhaar},
        {SL_ENT_JP_MY_NUMBER, sl_check_jp_my_number},
        {SL_ENT_TH_NATIONAL_ID, sl_check_th_pin},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].check(s, (size_t)n)) {
            *ret = checks[i].entity;
            return true;
        }
    }
    return false;
}

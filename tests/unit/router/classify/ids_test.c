/* Identifiers by their form and beside their words, and the numbers that are none. */
#include "router/classify/patterns.h"

#include "tests/unit/router/classify/rig.h"

typedef struct line {
    const char *text, *entity;
    sl_level level;
} line;

#define I SL_LEVEL_INTERNAL
#define C SL_LEVEL_CONFIDENTIAL
#define R SL_LEVEL_RESTRICTED

static void check(const line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const line *l = &lines[i];
        classify(sl_str_c(l->text));
        const sl_finding *f = finding(l->entity);
        if (!f)
            fail_msg("\"%s\": no %s, but %s", l->text, l->entity, first_found());
        if (f->level != l->level)
            fail_msg("\"%s\": %s is %s", l->text, l->entity, sl_level_name(f->level));
    }
}

#define CHECK(lines) check(lines, COUNT(lines))

/* Their form and a passing check suffice. */
static void test_alone(void **state)
{
    static const line lines[] = {
        {"529.982.247-25", "BR_CPF", R},
        {"11.222.333/0001-81", "BR_CNPJ", R},
        {"12.345.678-5", "CL_RUT", R},
        {"12345678Z", "ES_NIF", R},
        {"X1234567L", "ES_NIF", R},
        {"RSSMRA85T10A562S", "IT_CODICE_FISCALE", R},
        {"RSS MRA 85T10 A562S", "IT_CODICE_FISCALE", R},
        {"AB123456C", "UK_NINO", R},
        {"send AB 12 34 56 C now", "UK_NINO", R},
        {"MORGA753116SM9IJ", "UK_DRIVER_LICENSE", R},
        {"65 170839 J 003", "DE_PENSION_ID", R},
        {"756.9217.0769.85", "CH_AHV", R},
        {"1 85 05 78 006 084 91", "FR_NIR", R},
        {"131052-308T", "FI_HETU", R},
        {"131052A308T", "FI_HETU", R},
        {"811218-9876", "SE_PERSONNUMMER", R},
        {"112-233-445 95", "RU_SNILS", R},
        {"10000000146", "TR_TCKN", R},
        {"784-1980-1234567-8", "AE_EMIRATES_ID", R},
        {"S1234567D", "SG_NRIC", R},
        {"27AAPFU0939F1ZV", "IN_GSTIN", R},
        {"1EG4-TE5-MK73", "US_MBI", R},
        {"A123456(3)", "HKID", R},
        {"91350100M000100Y43", "CN_USCC", C},
        {"rahul.k@okhdfcbank", "IN_UPI", R},
        {"8001015009087", "ZA_ID", R},
        {"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO_ADDRESS", R},
        {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "CRYPTO_ADDRESS", R},
        {"0x52908400098527886E0F7030069857D2E4169EE7", "CRYPTO_ADDRESS", R},
        {"%B4111111111111111^DOE/JANE^30121010000000000?", "CARD_TRACK", R},
        {"legal winner thank year wave sausage worth useful legal winner thank yellow",
         "SEED_PHRASE", R},
        {"1. legal 2. winner 3. thank 4. year 5. wave 6. sausage 7. worth 8. useful 9. legal "
         "10. winner 11. thank 12. yellow",
         "SEED_PHRASE", R},
    };
    CHECK(lines);
}

/* A check digit that passes too often is a weak sign. */
static void test_weak(void **state)
{
    static const line lines[] = {
        {"44051401458", "PL_PESEL", I},  {"123-456-78-19", "PL_NIP", I},
        {"130-692-544", "CA_SIN", I},    {"943 476 5919", "UK_NHS", I},
        {"1234567FA", "IE_PPSN", I},     {"86095742719", "DE_TAX_ID", I},
        {"1M8GDM9AXKP042788", "VIN", I}, {"353879234252633", "IMEI", I},
        {"A123456789", "TW_ID", I},
    };
    CHECK(lines);
    /* bare digits of which one in ten passes: only as the whole of a text */
    static const char *const lone[] = {"9434765919", "130692544", " 123456782.\n", "393144756"};
    static const char *const not_alone[] = {"after 9434765919 steps", "130692544 rows",
                                            "x=123456782"};
    for (size_t i = 0; i < sizeof lone / sizeof *lone; i++) {
        classify(sl_str_c(lone[i]));
        assert_int_equal(level, I);
    }
    for (size_t i = 0; i < sizeof not_alone / sizeof *not_alone; i++) {
        classify(sl_str_c(not_alone[i]));
        assert_int_equal(level, SL_LEVEL_PUBLIC);
    }
}

/* Beside its word a number counts whatever its check digit says. */
static void test_beside_words(void **state)
{
    static const line lines[] = {
        {"PESEL 44051401459", "PL_PESEL", R},
        {"my_ssn=219099998", "US_SSN", R},
        {"SSN219099998", "US_SSN", R},
        {"BSN: 123456789", "NL_BSN", R},
        {"rijksregisternummer 85.07.30-033.29", "BE_NN", R},
        {"NHS number 943 476 5918", "UK_NHS", R},
        {"n° de sécurité sociale : 1 85 05 78 006 084 99", "FR_NIR", R},
        {"Meine Steuer-ID ist 86 095 742 710.", "DE_TAX_ID", R},
        {"St.-Nr. 21/815/08150", "DE_TAX_NUMBER", R},
        {"numéro AVS 756.1234.5678.90", "CH_AHV", R},
        {"マイナンバー：1234 5678 9012", "JP_MY_NUMBER", R},
        {"주민등록번호 900101-1234567", "KR_RRN", R},
        {"เลขประจำตัวประชาชน 1-2345-67890-12-3", "TH_NATIONAL_ID", R},
        {"ИНН 7707083890", "RU_INN", R},
        {"паспорт 4509 № 123456", "RU_PASSPORT", R},
        {"מספר זהות 123456789", "IL_ID", R},
        {"رقم الهوية 1012345678", "SA_ID", R},
        {"رقم الهوية ١٠١٢٣٤٥٦٧٨", "SA_ID", R},
        {"số CCCD 001099012345", "VN_CCCD", R},
        {"NIK 3171011203850001", "ID_NIK", R},
        {"आधार 4137 8921 4560", "IN_AADHAAR", R},
        {"ΑΦΜ 123456780", "GR_AFM", R},
        {"ЕГН 7501020010", "BG_EGN", R},
        {"護照號碼 E12345678", "PASSPORT", R},
        {"passport no. AB1234567", "PASSPORT", R},
        {"I gave C01X00T47 as my passport number", "PASSPORT", R},
        {"Führerschein B072RRE2I55", "DRIVER_LICENSE", R},
        {"driver's license D1234567", "DRIVER_LICENSE", R},
        {"MRN: 00482913", "HEALTH_ID", R},
        {"病历号 20240156", "CN_MEDICAL_RECORD", R},
        {"公积金账号 110123456789", "CN_SOCIAL_ACCOUNT", R},
        {"军字第12345678号", "CN_MILITARY_ID", R},
        {"台胞证 12345678", "CN_TRAVEL_PERMIT", R},
        {"bank account 0048291374", "BANK_ACCOUNT", R},
        {"sort code 12-34-56, account 12345678", "UK_SORT_CODE", R},
        {"SWIFT code DEUTDEFF", "BIC", C},
        {"routing number 021000021", "US_ABA_ROUTING", C},
        {"Visa card, CVV 123", "CARD_CVV", R},
        {"card ending 1111, expires 12/29", "CARD_EXPIRY", R},
        {"employee ID 00481516", "EMPLOYEE_ID", C},
        {"policy number KV-2048-1193", "INSURANCE_POLICY", C},
        {"IMSI 460001234567890", "IMSI", C},
        {"波兰PESEL44051401459是否正确", "PL_PESEL", R},
        {"信用卡CVV229是否正确", "CARD_CVV", R},
        {"\"passportNumber\": \"E12345678\"", "PASSPORT", R},
        {"national_id_number: 84512360", "NATIONAL_ID", R},
        {"\"driverLicenseNumber\": \"D1234567\"", "DRIVER_LICENSE", R},
        {"\"accountNumber\": \"0012345678\"", "BANK_ACCOUNT", R},
        {"routing 021000021 account 1234567890", "US_ABA_ROUTING", C},
        {"IBAN DE89 3704 0044 0532 0130 01", "IBAN", R},
    };
    CHECK(lines);
}

/* Numbers that are something else. */
static void test_innocent(void **state)
{
    static const char *const lines[] = {
        "order 2938471056 was shipped on 2024-05-06",
        "e = 2.71828182845, pi = 3.14159265358979",
        "UUID 123e4567-e89b-12d3-a456-426614174000",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "md5 d41d8cd98f00b204e9800998ecf8427e",
        "ISBN 978-3-16-148410-0",
        "version 10.15.7, build 19H2026",
        "timestamp 1712345678 and 1712345678901",
        "It took 12345678 steps in 2023-2024",
        "passport rules of 2024-05-06 hold until 2030",
        "passport issued 2023-10-12T13:55:36",
        "social security paid out at 2023-10-12 13:55:36",
        "bank account opened 12.05.2023 at 10:30",
        "the student number rose to 123",
        "a passport is valid for 10 years",
        "How many digits does a social security number have? 9",
        "Regulation (EU) 2016/679 and RFC 2616",
        "SKU ABC-12345 costs $1,299.00",
        "The tax of $1500000 was paid",
        "the sin of 45 and the cos of 90 degrees",
        "pan the camera 180 degrees, run 12345678 tests",
        "int port = 8080; long big = 1000000007;",
        "0xdeadbeef 0x80070005 #ff8800",
        "population 331 449 281 in 2020",
        "room 404, floor 12, 3 people",
        "the quick brown fox jumps over the lazy dog while the cat sleeps all day",
        "ability, about, above, absent, absorb and abstract are words of the list",
        "Ticket: swift action is needed in DECEMBER",
        "1Z999AA10123456784 is the tracking number",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        classify(sl_str_c(lines[i]));
        if (level != SL_LEVEL_PUBLIC)
            fail_msg("\"%s\": %s", lines[i], found_n ? found[0].entity : "?");
    }
}

/* Where it stands and how often. */
static void test_place(void **state)
{
    classify(SL_STR("see 529.982.247-25 and 529.982.247-25, please"));
    const sl_finding *f = finding("BR_CPF");
    assert_non_null(f);
    assert_int_equal(f->offset, 4);
    assert_int_equal(f->length, 14);
    assert_int_equal(f->count, 2);
    classify(SL_STR("card number 4111 1111 1111 1111"));
    f = finding("CREDIT_CARD");
    assert_non_null(f);
    assert_int_equal(f->count, 1); /* two passes look at it, one tells */
}

/* Long rows of tokens are worked in linear time and without a mistake at their ends. */
static void test_rows(void **state)
{
    static char text[60000];
    size_t n = 0;
    while (n < sizeof text - 64)
        n += (size_t)snprintf(text + n, sizeof text - n, "A1 B2C3-44 5/6.7 (8 %zu ", n);
    n += (size_t)snprintf(text + n, sizeof text - n, "529.982.247-25");
    classify((sl_str){text, n});
    assert_non_null(finding("BR_CPF"));
    memset(text, '1', sizeof text - 1);
    classify((sl_str){text, sizeof text - 1});
    memset(text, ' ', sizeof text - 1);
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        text[i] = '7';
    classify((sl_str){text, sizeof text - 1});
}

/* tokens.c looks rules up by context: the table must go by contexts in their order. */
static void test_order(void **state)
{
    static const int contexts[] = {
#define Y(ctx, entity, min, max, digits, letters) SL_CTX_##ctx,
#include "router/classify/id_contexts.def"
#undef Y
    };
    for (size_t i = 1; i < sizeof contexts / sizeof *contexts; i++)
        assert_true(contexts[i - 1] <= contexts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),        cmocka_unit_test(test_weak),
        cmocka_unit_test(test_beside_words), cmocka_unit_test(test_innocent),
        cmocka_unit_test(test_place),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

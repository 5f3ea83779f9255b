/* Telephone numbers: of all countries, as people write them, and numbers that are none. */
#include "router/classify/phone_plans.h"

#include "tests/unit/router/classify/rig.h"

static void test_international(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"+44 20 7946 0958", "PHONE_NUMBER"},   {"+44 (0)20 7946 0958", "PHONE_NUMBER"},
        {"+1 415-555-2671", "PHONE_NUMBER"},    {"+1 (415) 555-2671", "PHONE_NUMBER"},
        {"+86 138 0013 8000", "PHONE_NUMBER"},  {"+852 9123 4567", "PHONE_NUMBER"},
        {"+853 6612 3456", "PHONE_NUMBER"},     {"+886 912 345 678", "PHONE_NUMBER"},
        {"+81 90-1234-5678", "PHONE_NUMBER"},   {"+82 10-1234-5678", "PHONE_NUMBER"},
        {"+65 8123 4567", "PHONE_NUMBER"},      {"+91 98765 43210", "PHONE_NUMBER"},
        {"+33 6 12 34 56 78", "PHONE_NUMBER"},  {"+49 171 2345678", "PHONE_NUMBER"},
        {"+49-30-12345678", "PHONE_NUMBER"},    {"+39 333 123 4567", "PHONE_NUMBER"},
        {"+34 612 345 678", "PHONE_NUMBER"},    {"+351 912 345 678", "PHONE_NUMBER"},
        {"+31 6 12345678", "PHONE_NUMBER"},     {"+32 470 12 34 56", "PHONE_NUMBER"},
        {"+41 79 123 45 67", "PHONE_NUMBER"},   {"+43 664 1234567", "PHONE_NUMBER"},
        {"+45 20 12 34 56", "PHONE_NUMBER"},    {"+46 70-123 45 67", "PHONE_NUMBER"},
        {"+47 412 34 567", "PHONE_NUMBER"},     {"+48 512 345 678", "PHONE_NUMBER"},
        {"+420 601 123 456", "PHONE_NUMBER"},   {"+421 905 123 456", "PHONE_NUMBER"},
        {"+36 30 123 4567", "PHONE_NUMBER"},    {"+40 712 345 678", "PHONE_NUMBER"},
        {"+359 88 123 4567", "PHONE_NUMBER"},   {"+385 91 234 5678", "PHONE_NUMBER"},
        {"+381 64 1234567", "PHONE_NUMBER"},    {"+30 691 234 5678", "PHONE_NUMBER"},
        {"+90 532 123 45 67", "PHONE_NUMBER"},  {"+7 912 345-67-89", "PHONE_NUMBER"},
        {"+380 50 123 45 67", "PHONE_NUMBER"},  {"+972 52-123-4567", "PHONE_NUMBER"},
        {"+971 50 123 4567", "PHONE_NUMBER"},   {"+966 50 123 4567", "PHONE_NUMBER"},
        {"+974 5512 3456", "PHONE_NUMBER"},     {"+20 100 123 4567", "PHONE_NUMBER"},
        {"+27 82 123 4567", "PHONE_NUMBER"},    {"+234 803 123 4567", "PHONE_NUMBER"},
        {"+254 712 345678", "PHONE_NUMBER"},    {"+55 11 91234-5678", "PHONE_NUMBER"},
        {"+52 55 1234 5678", "PHONE_NUMBER"},   {"+54 11 2345-6789", "PHONE_NUMBER"},
        {"+56 9 1234 5678", "PHONE_NUMBER"},    {"+57 300 1234567", "PHONE_NUMBER"},
        {"+61 412 345 678", "PHONE_NUMBER"},    {"+64 21 123 4567", "PHONE_NUMBER"},
        {"+66 81 234 5678", "PHONE_NUMBER"},    {"+84 912 345 678", "PHONE_NUMBER"},
        {"+62 812-3456-7890", "PHONE_NUMBER"},  {"+60 12-345 6789", "PHONE_NUMBER"},
        {"+63 917 123 4567", "PHONE_NUMBER"},   {"+92 300 1234567", "PHONE_NUMBER"},
        {"+880 1712 345678", "PHONE_NUMBER"},   {"+998 90 123 45 67", "PHONE_NUMBER"},
        {"+995 555 12 34 56", "PHONE_NUMBER"},  {"+370 612 34567", "PHONE_NUMBER"},
        {"+371 21 234 567", "PHONE_NUMBER"},    {"+372 5123 4567", "PHONE_NUMBER"},
        {"+358 40 123 4567", "PHONE_NUMBER"},   {"+353 87 123 4567", "PHONE_NUMBER"},
        {"+354 611 1234", "PHONE_NUMBER"},      {"+352 621 123 456", "PHONE_NUMBER"},
        {"+357 99 123456", "PHONE_NUMBER"},     {"+356 9912 3456", "PHONE_NUMBER"},
        {"0049 171 2345678", "PHONE_NUMBER"},   {"(+86)13800138000", "PHONE_NUMBER"},
        {"tel:+4917612345678", "PHONE_NUMBER"}, {"https://wa.me/491712345678", "PHONE_NUMBER"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_national(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"0171 2345678", "PHONE_NUMBER"},   {"0160/1234567", "PHONE_NUMBER"},
        {"06 12 34 56 78", "PHONE_NUMBER"}, {"06.12.34.56.78", "PHONE_NUMBER"},
        {"07700 900123", "PHONE_NUMBER"},   {"090-1234-5678", "PHONE_NUMBER"},
        {"080 1234 5678", "PHONE_NUMBER"},  {"010-1234-5678", "PHONE_NUMBER"},
        {"0912-345-678", "PHONE_NUMBER"},   {"0412 345 678", "PHONE_NUMBER"},
        {"087 123 4567", "PHONE_NUMBER"},   {"0470 12 34 56", "PHONE_NUMBER"},
        {"079 123 45 67", "PHONE_NUMBER"},  {"0664 1234567", "PHONE_NUMBER"},
        {"070-123 45 67", "PHONE_NUMBER"},  {"040 123 4567", "PHONE_NUMBER"},
        {"0712 345 678", "PHONE_NUMBER"},   {"0905 123 456", "PHONE_NUMBER"},
        {"0532 123 45 67", "PHONE_NUMBER"}, {"8 (912) 345-67-89", "PHONE_NUMBER"},
        {"052-123-4567", "PHONE_NUMBER"},   {"050 123 4567", "PHONE_NUMBER"},
        {"082 123 4567", "PHONE_NUMBER"},   {"0803 123 4567", "PHONE_NUMBER"},
        {"081-234-5678", "PHONE_NUMBER"},   {"0812 345 6789", "PHONE_NUMBER"},
        {"012-345 6789", "PHONE_NUMBER"},   {"0917 123 4567", "PHONE_NUMBER"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_beside_words(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"tel. 555 0123", "PHONE_NUMBER"},
        {"Telefon: 030 12345678", "PHONE_NUMBER"},
        {"mein Handy: 1601234567", "PHONE_NUMBER"},
        {"téléphone 01 23 45 67 89", "PHONE_NUMBER"},
        {"teléfono 912 345 678", "PHONE_NUMBER"},
        {"cellulare 333 1234567", "PHONE_NUMBER"},
        {"telemóvel 912345678", "PHONE_NUMBER"},
        {"telefoon 020 1234567", "PHONE_NUMBER"},
        {"komórka 512 345 678", "PHONE_NUMBER"},
        {"puhelin 09 1234567", "PHONE_NUMBER"},
        {"telefon 22 12 34 56", "PHONE_NUMBER"},
        {"telefonszám 1 234 5678", "PHONE_NUMBER"},
        {"телефон 912 345 67 89", "PHONE_NUMBER"},
        {"τηλ 6912345678", "PHONE_NUMBER"},
        {"هاتف 501234567", "PHONE_NUMBER"},
        {"جوال: 0501234567", "PHONE_NUMBER"},
        {"طلفون tel 5551234", "PHONE_NUMBER"},
        {"טלפון 03-1234567", "PHONE_NUMBER"},
        {"โทร 02 123 4567", "PHONE_NUMBER"},
        {"điện thoại 0912345678", "PHONE_NUMBER"},
        {"số điện thoại: 24 3825 1234", "PHONE_NUMBER"},
        {"nomor telepon 21 1234 5678", "PHONE_NUMBER"},
        {"फ़ोन 9876543210", "PHONE_NUMBER"},
        {"मोबाइल 98765 43210", "PHONE_NUMBER"},
        {"電話 03-1234-5678", "PHONE_NUMBER"},
        {"携帯 9012345678", "PHONE_NUMBER"},
        {"전화 02-123-4567", "PHONE_NUMBER"},
        {"휴대폰 1012345678", "PHONE_NUMBER"},
        {"电话 62771234", "PHONE_NUMBER"},
        {"电话 9123 4567", "PHONE_NUMBER"},
        {"my number is 415-555-2671", "PHONE_NUMBER"},
        {"call me at 415 555 2671", "PHONE_NUMBER"},
        {"(415) 555-2671", "PHONE_NUMBER"},
        {"ring me on 020 7946 0958", "PHONE_NUMBER"},
        {"office 020 7946 0958 ext. 12", "PHONE_NUMBER"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_chinese(void **state)
{
    (void)state;
    static const char *const mobiles[] = {
        "13800138000",
        "138-0013-8000",
        "138 0013 8000",
        "+86 138 0013 8000",
        "86-13800138000",
        "0086 138 0013 8000",
        "手机：１３８００１３８０００",
        "1 3 8 0 0 1 3 8 0 0 0",
        "138.0013.8000",
        "(+86)13800138000",
        "19912345678",
        "电话13800138000。",
    };
    static const rig_line landlines[] = {
        {"010-62771234", "CN_LANDLINE"},     {"(010)62771234", "CN_LANDLINE"},
        {"（0755）88737733", "CN_LANDLINE"}, {"0755-88737733-259", "CN_LANDLINE"},
        {"021—62771234", "CN_LANDLINE"},     {"座机 0571 87654321", "CN_LANDLINE"},
        {"010-6277 1234", "CN_LANDLINE"},
    };
    for (size_t i = 0; i < sizeof mobiles / sizeof *mobiles; i++) {
        classify(sl_str_c(mobiles[i]));
        if (level < SL_LEVEL_CONFIDENTIAL || !(finding("CN_MOBILE") || finding("PHONE_NUMBER")))
            fail_msg("\"%s\"", mobiles[i]);
    }
    FOUND(landlines, SL_LEVEL_CONFIDENTIAL);
}

static void test_innocent(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "400-820-8820",
        "客服电话 400-820-8820",
        "客服 800-810-8888",
        "拨打110可以报警，120是急救电话。",
        "call 911 in an emergency",
        "const PHONE_MAX = 59820068;  // why this value?",
        "phone-like number in code: int x = 275-2272;",
        "order 0123456789",
        "2023-10-05 12:33:22",
        "1 2 3 4 5 6 7 8 9 10",
        "x = [01, 02, 03, 04, 05]",
        "In my mobile app the counter shows 10000000",
        "The phone has 5000 mAh and costs 799 dollars",
        "手机屏幕分辨率 1080 2400",
        "Call the function foo(123, 4567890) twice",
        "call 3 times with 1000000 iterations",
        "telephone was invented in 1876 by Bell",
        "pages 123-4567 of 9000",
        "x+4412345678",
        "1732448123 1732448123456",
        "Flight LH 441 departs 14:25",
        "serial number LZP-09103-26915158 of the printer",
        "3.14159265358979",
        "версия 10.2.1 от 2020 года",
        "1984-2024 phones",
        "UTC+0800 and GMT+01:00",
    };
    INNOCENT(texts);
}

/* Every country code, with a number as short and as long as the country has. */
static void test_plans(void **state)
{
    (void)state;
    int codes = 0;
    for (int code = 1; code < 999; code++) {
        uint8_t d[16];
        size_t n = 0;
        if (code >= 100)
            d[n++] = (uint8_t)(code / 100);
        if (code >= 10)
            d[n++] = (uint8_t)(code / 10 % 10);
        d[n++] = (uint8_t)(code % 10);
        if (sl_phone_country(d, n) != n)
            continue;
        codes++;
        size_t fits = 0;
        for (size_t len = n; len <= 15; len++) {
            while (n < len)
                d[n++] = 2;
            fits += sl_phone_international(d, len);
        }
        if (!fits)
            fail_msg("+%d: no length fits", code);
    }
    assert_true(codes > 200);
    static const uint8_t nanp[] = {1, 4, 1, 5, 5, 5, 5, 2, 6, 7, 1}, none[] = {2, 1, 0, 1, 2, 3};
    assert_true(sl_phone_international(nanp, 11));
    assert_false(sl_phone_international(nanp, 10));
    assert_int_equal(sl_phone_country(none, 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_international), cmocka_unit_test(test_national),
        cmocka_unit_test(test_beside_words),  cmocka_unit_test(test_chinese),
        cmocka_unit_test(test_innocent),      cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

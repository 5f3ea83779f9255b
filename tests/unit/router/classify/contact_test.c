/* E-mail, messengers, birth dates, plates, coordinates, addresses of people and machines. */

#include "tests/unit/router/classify/rig.h"

static void test_email(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"jane.doe@gmail.com", "EMAIL_ADDRESS"},
        {"mailto:k.mueller@web.de", "EMAIL_ADDRESS"},
        {"<wang.fang88@qq.com>", "EMAIL_ADDRESS"},
        {"O'Brien@firm.ie", "EMAIL_ADDRESS"},
        {"用户@例子.中国", "EMAIL_ADDRESS"},
        {"jörg.müller@firma-schmidt.de", "EMAIL_ADDRESS"},
        {"请发到zhang@qq.com谢谢", "EMAIL_ADDRESS"},
        {"почта: иван@почта.рф", "EMAIL_ADDRESS"},
        {"\"john doe\"@corp.io", "EMAIL_ADDRESS"},
        {"a@b.co.uk", "EMAIL_ADDRESS"},
        {"x@xn--fsqu00a.xn--0zwm56d", "EMAIL_ADDRESS"},
        {"r.silva+work@uol.com.br", "EMAIL_ADDRESS"},
        {"MARIA@HOTMAIL.ES", "EMAIL_ADDRESS"},
        {"info@acme-industries.com", "EMAIL_ADDRESS"},
    };
    FOUND(lines, SL_LEVEL_INTERNAL);
}

static void test_no_email(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "npm install left-pad@1.3.0",
        "git clone git@github.com:torvalds/linux.git fails",
        "user@example.com and noreply@corp-mail.cn",
        "q@k.transpose(-2,-1) A@B.T",
        "@app.route(\"/x\")",
        "联系我@张三谢谢",
        "react@\"^17.0.0\"",
        "systemctl status getty@tty1.service",
        "image@2x.png",
        "this@Outer.field",
        "user@company.com is a placeholder",
    };
    INNOCENT(texts);
}

static void test_accounts(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"我的微信号：zhang_hfdffh", "MESSENGER_ID"},
        {"客户在电话里报的微信为wxid_hc1bc6。", "MESSENGER_ID"},
        {"加我微信：li416be", "MESSENGER_ID"},
        {"WeChat ID: lih416be", "MESSENGER_ID"},
        {"The customer gave wxid_hc1bc6 as the WeChat during the call.", "MESSENGER_ID"},
        {"**QQ号:** 205299005", "MESSENGER_ID"},
        {"加QQ205299005", "MESSENGER_ID"},
        {"Write to the client whose QQ number is 384833065", "MESSENGER_ID"},
        {"telegram: @john_doe99", "MESSENGER_ID"},
        {"LINE ID：taro_y88", "MESSENGER_ID"},
        {"카카오톡 아이디: minjun_22", "MESSENGER_ID"},
        {"支付宝账号：li_wei1988", "MESSENGER_ID"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_birth(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"出生日期：1985年3月12日", "DATE_OF_BIRTH"},
        {"生日 1985/03/12", "DATE_OF_BIRTH"},
        {"DOB: 24-06-1982", "DATE_OF_BIRTH"},
        {"date of birth = \"1970-09-12\"", "DATE_OF_BIRTH"},
        {"born on 1949-11-23", "DATE_OF_BIRTH"},
        {"Geburtsdatum 12.03.1985", "DATE_OF_BIRTH"},
        {"geboren am 12. März 1985", "DATE_OF_BIRTH"},
        {"né le 12/03/1985", "DATE_OF_BIRTH"},
        {"fecha de nacimiento: 12 de marzo de 1985", "DATE_OF_BIRTH"},
        {"nato il 12-03-1985", "DATE_OF_BIRTH"},
        {"data de nascimento 12/03/1985", "DATE_OF_BIRTH"},
        {"geboortedatum 12-03-1985", "DATE_OF_BIRTH"},
        {"data urodzenia 12.03.1985", "DATE_OF_BIRTH"},
        {"дата рождения 12.03.1985", "DATE_OF_BIRTH"},
        {"родился 3 мая 1985", "DATE_OF_BIRTH"},
        {"дата народження: 12.03.1985", "DATE_OF_BIRTH"},
        {"生年月日は昭和60年3月1日", "DATE_OF_BIRTH"},
        {"생년월일 850312", "DATE_OF_BIRTH"},
        {"doğum tarihi 12.03.1985", "DATE_OF_BIRTH"},
        {"تاريخ الميلاد 12/03/1985", "DATE_OF_BIRTH"},
        {"תאריך לידה 12.03.1985", "DATE_OF_BIRTH"},
        {"जन्म तिथि 12/03/1985", "DATE_OF_BIRTH"},
        {"วันเกิด 12 มีนาคม 2528", "DATE_OF_BIRTH"},
        {"ngày sinh 12/03/1985", "DATE_OF_BIRTH"},
        {"tanggal lahir 12-03-1985", "DATE_OF_BIRTH"},
        {"födelsedatum 1985-03-12", "DATE_OF_BIRTH"},
        {"syntymäaika 12.3.1985", "DATE_OF_BIRTH"},
        {"datum narození 12. 3. 1985", "DATE_OF_BIRTH"},
        {"születési dátum 1985.03.12", "DATE_OF_BIRTH"},
        {"data nașterii 12.03.1985", "DATE_OF_BIRTH"},
        {"ημερομηνία γέννησης 12/03/1985", "DATE_OF_BIRTH"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_plates(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"京AE2482", "CN_PLATE"},
        {"闽F C8976", "CN_PLATE"},
        {"川A·W3057", "CN_PLATE"},
        {"京ED34625", "CN_PLATE"},
        {"粤Z·1234港", "CN_PLATE"},
        {"沪A1234学", "CN_PLATE"},
        {"[license plate] HH-BJ 217", "LICENCE_PLATE"},
        {"Der Antragsteller nannte F-BC 353 als Kennzeichen.", "LICENCE_PLATE"},
        {"number plate AB12 CDE", "LICENCE_PLATE"},
        {"plaque d'immatriculation AB-123-CD", "LICENCE_PLATE"},
        {"matrícula 1234 BCD", "LICENCE_PLATE"},
        {"targa AB 123 CD", "LICENCE_PLATE"},
        {"kenteken 12-AB-34", "LICENCE_PLATE"},
        {"numer rejestracyjny WA 12345", "LICENCE_PLATE"},
        {"license plate 7ABC123", "LICENCE_PLATE"},
        {"госномер а123вс77", "LICENCE_PLATE"},
        {"번호판 12가 3456", "LICENCE_PLATE"},
        {"品川 300 あ 12-34 ナンバープレート", "LICENCE_PLATE"},
        {"plaka 34 ABC 123", "LICENCE_PLATE"},
        {"vehicle number MH 12 AB 1234", "LICENCE_PLATE"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_geo(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"GPS coordinates 52.604798, 109.325788", "GEO_COORDINATES"},
        {"经纬度=39°9'10\"N 61°40'40\"E", "GEO_COORDINATES"},
        {"geo: latitude: 48.858370, longitude: 2.294481", "GEO_COORDINATES"},
        {"坐标31.23041,121.47370", "GEO_COORDINATES"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_addresses(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"192 Maple Street, Springfield, IL 66422", "POSTAL_ADDRESS"},
        {"12 Oak Avenue, Apt 5, Austin, TX 78712", "POSTAL_ADDRESS"},
        {"I live at 42 Elm Street", "POSTAL_ADDRESS"},
        {"12 Baker Street, London NW1 6XE", "POSTAL_ADDRESS"},
        {"100 King St., Toronto, ON M5V 3L9", "POSTAL_ADDRESS"},
        {"Lindenstraße 12, 50674 Köln", "POSTAL_ADDRESS"},
        {"12 rue de la Paix, 75002 Paris", "POSTAL_ADDRESS"},
        {"Via Garibaldi 12, 20121 Milano", "POSTAL_ADDRESS"},
        {"Calle Mayor 12, 28013 Madrid", "POSTAL_ADDRESS"},
        {"Rua Augusta, 12, 01305-000 São Paulo", "POSTAL_ADDRESS"},
        {"Keizersgracht 12, 1016 EA Amsterdam", "POSTAL_ADDRESS"},
        {"Storgatan 12, 114 55 Stockholm", "POSTAL_ADDRESS"},
        {"ul. Marszałkowska 12, 00-624 Warszawa", "POSTAL_ADDRESS"},
        {"Kossuth Lajos utca 12, 1055 Budapest", "POSTAL_ADDRESS"},
        {"ул. Ленина, д. 12, кв. 7, Казань", "POSTAL_ADDRESS"},
        {"شارع الملك فهد 12، الرياض", "POSTAL_ADDRESS"},
        {"Atatürk Mah. Cumhuriyet Cad. No: 12 Daire 5, Kadıköy", "POSTAL_ADDRESS"},
        {"P.O. Box 1234, Denver, CO 80201", "POSTAL_ADDRESS"},
        {"上海市浦东新区张江镇科苑路88号12栋301室", "POSTAL_ADDRESS"},
        {"北京市朝阳区望京街道阜通东大街4号院7号楼1单元", "POSTAL_ADDRESS"},
        {"广东省深圳市南山区科技园南路12号", "POSTAL_ADDRESS"},
        {"我住在幸福路12号3单元", "POSTAL_ADDRESS"},
        {"住址：河北省保定市清苑县张登镇李家庄村", "POSTAL_ADDRESS"},
        {"台北市信義區市府路45號", "POSTAL_ADDRESS"},
        {"東京都渋谷区神南1丁目19番11号", "POSTAL_ADDRESS"},
        {"서울특별시 강남구 테헤란로 123", "POSTAL_ADDRESS"},
    };
    FOUND(lines, SL_LEVEL_CONFIDENTIAL);
}

static void test_machines(void **state)
{
    (void)state;
    static const rig_line lines[] = {
        {"server IP 10.2.3.4", "IP_ADDRESS"},
        {"host 119.31.2.44 is down", "IP_ADDRESS"},
        {"2a02:36cc:ba43:119b:1c1:a33f:297a:b0a1", "IP_ADDRESS"},
        {"看这个：2a02:d4d1:ec38:15dd:7942:2e88:f548:b4ee", "IP_ADDRESS"},
        {"fe80::1ff:fe23:4567:890a", "IP_ADDRESS"},
        {"fe:ed:fa:ce:00:01", "MAC_ADDRESS"},
        {"MAC:6d:0b:1f:b7:46:66", "MAC_ADDRESS"},
        {"物理地址：6d:0b:1f:b7:46:66", "MAC_ADDRESS"},
        {"f6-7e-c4-f0-61-82 is the MAC address", "MAC_ADDRESS"},
    };
    FOUND(lines, SL_LEVEL_INTERNAL);
}

static void test_innocent(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "微信 8.0.32 有什么新功能",
        "微信支付怎么用？",
        "QQ音乐 10.5.0",
        "Mozart was born on 27 January 1756",
        "孔子出生于公元前551年9月28日",
        "birthday cake recipe for 12 people",
        "lat = 52.52, lon = 13.41",
        "Explain latitude and longitude.",
        "沪A股今天涨了",
        "苏E高速怎么走",
        "The license plate recognition model YOLOv8",
        "The White House is at 1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "Who lives at 221B Baker Street?",
        "The drive from A to B takes 5 hours; turn right at Main Street and drive 3 miles.",
        "Route 66 is a road; 42nd Street musical",
        "Arbeitsplatz 4",
        "via Docker 24.0 and Kubernetes 1.28",
        "5 Star Place to visit",
        "上海地铁2号线怎么走",
        "北京市有16个区",
        "第3号选手",
        "으로 3가지 방법",
        "京都府の人口は約250万人です",
        "memory address 0x7ffe 12 bytes",
        "::1 and 2001:db8::1 std::vector a::b::c 12:34:56",
        "Upgrade from 13.13.13.13 to 13.13.13.13 broke the build.",
        "版本 12.17.17.5 有什么新功能？",
        "127.0.0.1, 192.0.2.1, 255.255.255.0 and 0.0.0.0",
    };
    INNOCENT(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_email),     cmocka_unit_test(test_no_email),
        cmocka_unit_test(test_accounts),  cmocka_unit_test(test_birth),
        cmocka_unit_test(test_plates),    cmocka_unit_test(test_geo),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_machines),
        cmocka_unit_test(test_innocent),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

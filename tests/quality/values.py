"""Random values of identifiers with valid check digits, in the forms people write them.

Each maker takes a random.Random and returns text. retry() repeats those for which some numbers
have no check digit.
"""

import datetime

import checkdigits as cd

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CN_REGIONS = """110101 110105 110108 120104 130102 130203 140105 150102 210102 210203 220102 230103
310101 310104 310115 320102 320505 330102 330106 340102 350203 360102 370102 370202 410102 420106
430102 440103 440305 450102 460105 500103 510104 510107 520102 530102 610113 620102 630102 640104
650102""".split()


def digits(r, n, first="0123456789"):
    return r.choice(first) + "".join(r.choice("0123456789") for _ in range(n - 1))


def letters(r, n, among=LETTERS):
    return "".join(r.choice(among) for _ in range(n))


def retry(make):
    def run(r):
        while True:
            text = make(r)
            if text is not None:
                return text

    return run


def born(r, first=1945, last=2007):
    return datetime.date(first, 1, 1) + datetime.timedelta(days=r.randrange((last - first) * 365))


def group(text, sizes, sep):
    out, at = [], 0
    for n in sizes:
        out.append(text[at : at + n])
        at += n
    if at < len(text):
        out.append(text[at:])
    return sep.join(p for p in out if p)


def one_of(*forms):
    """Picks a maker."""
    return lambda r: r.choice(forms)(r)


def grouped(make, sizes, seps=" -"):
    def run(r):
        text = make(r)
        return text if r.random() < 0.4 else group(text, sizes, r.choice(seps))

    return run


# ---- money ----
def card_number(r):
    prefix, n = r.choice(
        [
            ("4", 16),
            ("51", 16),
            ("53", 16),
            ("55", 16),
            ("2221", 16),
            ("2590", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("65", 16),
            ("3528", 16),
            ("3566", 16),
            ("36", 14),
            ("4", 16),
            ("5", 16),
        ]
    )
    prefix = "52" if prefix == "5" else prefix
    body = prefix + digits(r, n - 1 - len(prefix))
    return body + cd.luhn(body)


def card(r):
    n = card_number(r)
    if r.random() < 0.4:
        return n
    return group(
        n,
        (4, 6, 5) if len(n) == 15 else (4, 6, 4) if len(n) == 14 else (4, 4, 4, 4),
        r.choice([" ", "-"]),
    )


def cn_bank_card(r):
    body = r.choice(
        [
            "622202",
            "622848",
            "621700",
            "622588",
            "621661",
            "622908",
            "623058",
            "621226",
            "622700",
            "621799",
        ]
    )
    body += digits(r, r.choice([9, 12, 12]))
    n = body + cd.luhn(body)
    return n if r.random() < 0.5 else group(n, (4, 4, 4, 4), " ")


def card_track(r):
    n = card_number(r)
    return (
        f"%B{n}^{r.choice(['LI/WEI', 'DOE/JANE', 'MULLER/KARL'])}^{r.randrange(26, 32)}"
        f"{r.randrange(1, 13):02d}101{digits(r, 12)}?"
    )


IBANS = {
    "DE": "n18",
    "GB": "a4n14",
    "FR": "n10a1n12",
    "ES": "n20",
    "IT": "a1n22",
    "NL": "a4n10",
    "AT": "n16",
    "CH": "n17",
    "PL": "n24",
    "CZ": "n20",
    "SK": "n20",
    "HU": "n24",
    "RO": "a4n16",
    "BG": "a4n14",
    "HR": "n17",
    "GR": "n23",
    "SE": "n20",
    "DK": "n14",
    "NO": "n11",
    "FI": "n14",
    "EE": "n16",
    "LV": "a4n13",
    "LT": "n16",
    "PT": "n21",
    "IE": "a4n14",
    "TR": "n22",
    "SA": "n20",
    "AE": "n19",
    "IL": "n19",
    "UA": "n25",
    "BR": "n23a1n1",
    "LU": "n16",
    "SI": "n15",
    "RS": "n18",
    "CY": "n24",
    "MT": "a4n23",
    "KZ": "n16",
    "QA": "a4n21",
    "KW": "a4n22",
}


def iban(r, country=None):
    country = country or r.choice(sorted(IBANS))
    spec, bban, i = IBANS[country], "", 0
    while i < len(spec):
        kind, j = spec[i], i + 1
        while j < len(spec) and spec[j].isdigit():
            j += 1
        bban += digits(r, int(spec[i + 1 : j])) if kind == "n" else letters(r, int(spec[i + 1 : j]))
        i = j
    text = cd.iban(country, bban)
    form = r.random()
    if form < 0.35:
        return group(text, (4,) * 8, " ")
    if form < 0.42:
        return group(text, (4,) * 8, "-")
    return text.lower() if form < 0.47 else text


def bic(r):
    return (
        letters(r, 4)
        + r.choice(["DE", "GB", "CN", "FR", "US", "JP", "NL"])
        + r.choice(["FF", "2L", "BJ", "PP", "33", "22"])
        + r.choice(["", "XXX", "500"])
    )


def aba(r):
    body = r.choice(["02", "03", "06", "07", "11", "12", "26", "31"]) + digits(r, 6)
    return body + cd.aba(body)


def crypto(r):
    payload = bytes(r.randrange(256) for _ in range(20))
    kind = r.randrange(6)
    if kind == 0:
        return cd.base58check(0, payload)
    if kind == 1:
        return cd.base58check(5, payload)
    if kind == 2:
        return cd.bech32("bc", [0] + [r.randrange(32) for _ in range(32)])
    if kind == 3:
        return "0x" + payload.hex()
    if kind == 4:
        return cd.base58check(0x41, payload)
    return cd.bech32("bc", [1] + [r.randrange(32) for _ in range(52)], 0x2BC830A3)


SEED_WORDS = """abandon ability able about above absent absorb abstract absurd abuse access accident
account accuse achieve acid acoustic acquire across act action actor actress actual adapt add addict
address adjust admit adult advance advice aerobic affair afford afraid again age agent agree ahead
aim air airport aisle alarm album alcohol alert alien all alley allow almost alone alpha already
also alter always amateur amazing among amount amused analyst anchor ancient anger angle angry
animal ankle announce annual another answer antenna antique anxiety any apart apology appear apple
approve april arch arctic area arena argue arm armed armor army around arrange arrest arrive arrow
art artefact artist artwork ask aspect assault asset assist assume asthma athlete atom attack zebra
zone zoo wrist write wrong yard year yellow you young youth zero wolf woman wonder wood wool word
work world worry worth wrap wreck velvet vendor venture venue verb verify version very vessel
veteran viable vibrant vicious victory video view village vintage violin virtual virus visa visit
visual vital vivid vocal voice void volcano volume vote voyage""".split()


def seed_phrase(r):
    return " ".join(r.choice(SEED_WORDS) for _ in range(r.choice([12, 12, 24])))


# ---- contact ----
USERS = [
    "li.wei",
    "jane.doe",
    "k.mueller",
    "anna_kowalska",
    "pierre-dupont",
    "giulia.rossi92",
    "jsmith",
    "wang.fang88",
    "t.yamamoto",
    "maria.garcia",
    "o.petrov",
    "minjun.kim",
    "r.silva+work",
    "ahmed.hassan",
    "priya_sharma",
    "l.novak",
    "e.virtanen",
    "hr.zhangsan",
]
HOSTS = [
    "gmail.com",
    "qq.com",
    "163.com",
    "outlook.com",
    "corp-mail.cn",
    "web.de",
    "orange.fr",
    "yahoo.co.jp",
    "naver.com",
    "mail.ru",
    "libero.it",
    "hotmail.es",
    "uol.com.br",
    "wp.pl",
    "northwind-labs.io",
    "acme-industries.com",
    "uni-koeln.de",
    "126.com",
    "seznam.cz",
]


def email(r):
    text = r.choice(USERS) + r.choice(["", "", digits(r, 2)]) + "@" + r.choice(HOSTS)
    return r.choice([text, text, text, text.upper(), f"mailto:{text}", f"<{text}>"])


def e164(r):
    cc, n, first = r.choice(
        [
            ("1", 10, None),
            ("44", 10, "7"),
            ("49", 11, "1"),
            ("33", 9, "6"),
            ("34", 9, "6"),
            ("39", 10, "3"),
            ("31", 9, "6"),
            ("48", 9, "5"),
            ("46", 9, "7"),
            ("81", 10, "9"),
            ("82", 10, "1"),
            ("65", 8, "9"),
            ("852", 8, "6"),
            ("886", 9, "9"),
            ("91", 10, "9"),
            ("55", 11, None),
            ("7", 10, "9"),
            ("380", 9, "5"),
            ("90", 10, "5"),
            ("61", 9, "4"),
            ("27", 9, "8"),
            ("971", 9, "5"),
            ("966", 9, "5"),
            ("62", 10, "8"),
            ("84", 9, "9"),
            ("66", 9, "8"),
            ("60", 9, "1"),
            ("972", 9, "5"),
            ("353", 9, "8"),
            ("351", 9, "9"),
        ]
    )
    body = digits(r, n, first or "2345678")
    if cc == "1":
        body = digits(r, 1, "2345678") + digits(r, 2) + digits(r, 1, "23456789") + digits(r, 6)
    if cc == "55":
        body = "119" + digits(r, 8, "6789")
    form = r.randrange(4)
    if form == 0:
        return f"+{cc}{body}"
    if form == 1:
        return f"+{cc} {group(body, (3, 3, 2, 2, 2), ' ')}"
    if form == 2:
        return f"+{cc}-{group(body, (3, 4), '-')}"
    return f"+{cc} ({body[:3]}) {body[3:6]}-{body[6:]}"


def us_phone(r):
    a, b, c = digits(r, 3, "23456789"), digits(r, 3, "23456789"), digits(r, 4)
    a = a[0] + r.choice("0234567") + a[2]
    b = b[0] + r.choice("02345678") + b[2]
    return r.choice([f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"1-{a}-{b}-{c}"])


def cn_mobile(r):
    p = r.choice(
        [
            "130",
            "131",
            "133",
            "135",
            "136",
            "137",
            "138",
            "139",
            "150",
            "151",
            "152",
            "155",
            "158",
            "159",
            "166",
            "170",
            "171",
            "175",
            "176",
            "177",
            "178",
            "180",
            "181",
            "183",
            "185",
            "186",
            "187",
            "188",
            "189",
            "191",
            "195",
            "198",
            "199",
        ]
    )
    n = p + digits(r, 8)
    return r.choice(
        [
            n,
            n,
            group(n, (3, 4, 4), "-"),
            group(n, (3, 4, 4), " "),
            "+86" + n,
            "+86 " + group(n, (3, 4, 4), " "),
            "86-" + n,
            "0086" + n,
            "(+86)" + n,
        ]
    )


def cn_landline(r):
    area = r.choice(["010", "021", "020", "022", "0755", "0571", "0512", "028", "027", "0592"])
    n = digits(r, 8 if len(area) < 4 or r.random() < 0.6 else 7, "2345678")
    return r.choice(
        [
            f"{area}-{n}",
            f"({area}){n}",
            f"（{area}）{n}",
            f"{area} {n}",
            f"+86-{area[1:]}-{n}",
            f"{area}-{n}-{digits(r, 3)}",
            f"{area}—{n}",
        ]
    )


def dob(r):
    d = born(r)
    return r.choice(
        [
            d.isoformat(),
            d.strftime("%d.%m.%Y"),
            d.strftime("%d/%m/%Y"),
            d.strftime("%Y/%m/%d"),
            f"{d.year}年{d.month}月{d.day}日",
            d.strftime("%Y%m%d"),
            d.strftime("%d-%m-%Y"),
        ]
    )


def ip(r):
    return r.choice(
        [
            f"10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)}",
            f"192.168.{r.randrange(256)}.{r.randrange(1, 255)}",
            f"172.{r.randrange(16, 32)}.{r.randrange(256)}.{r.randrange(1, 255)}",
            f"{r.choice([47, 58, 101, 119, 139, 212])}.{r.randrange(256)}."
            f"{r.randrange(256)}.{r.randrange(1, 255)}",
        ]
    )


def ipv6(r):
    return "2a02:" + ":".join(f"{r.randrange(1, 65536):x}" for _ in range(7))


def mac(r):
    return r.choice([":", "-"]).join(f"{r.randrange(256):02x}" for _ in range(6))


def imei(r):
    body = r.choice(["35", "86", "01"]) + digits(r, 12)
    n = body + cd.luhn(body)
    return r.choice([n, n, group(n, (2, 6, 6, 1), "-"), group(n, (6, 2, 6, 1), " ")])


def imsi(r):
    return r.choice(["46000", "46001", "31026", "26201", "23410", "44010"]) + digits(r, 10)


def iccid(r):
    body = r.choice(["898600", "898601", "894902", "890126", "894420"]) + digits(r, 13)
    return body + cd.luhn(body)


def vin(r):
    text = r.choice(["WBA", "1HG", "LSV", "JH4", "WDB", "5YJ", "LFV"])
    text += letters(r, 14, "ABCDEFGHJKLMNPRSTUVWXYZ0123456789")
    text = text[:11] + digits(r, 6)
    return text[:8] + cd.vin(text) + text[9:]


def geo(r):
    lat, lon = r.uniform(20, 55), r.uniform(-10, 130)
    return r.choice(
        [
            f"{lat:.6f}, {lon:.6f}",
            f"{lat:.5f},{lon:.5f}",
            f"{int(lat)}°{r.randrange(60)}'{r.randrange(60)}\"N "
            f"{int(abs(lon))}°{r.randrange(60)}'{r.randrange(60)}\"E",
        ]
    )


def cn_address(r):
    return r.choice(
        [
            f"上海市浦东新区张江镇科苑路{r.randrange(10, 999)}号{r.randrange(1, 30)}栋{r.randrange(101, 2800)}室",
            f"北京市朝阳区望京街道阜通东大街{r.randrange(1, 99)}号院{r.randrange(1, 9)}号楼{r.randrange(1, 6)}单元",
            f"广东省深圳市南山区科技园南路{r.randrange(1, 99)}号",
            f"浙江省杭州市余杭区文一西路{r.randrange(100, 999)}号{r.randrange(1, 9)}幢{r.randrange(101, 999)}室",
            f"四川省成都市武侯区天府大道中段{r.randrange(100, 999)}号",
            f"江苏省苏州市工业园区星湖街{r.randrange(100, 999)}号{r.randrange(1, 20)}栋",
        ]
    )


def address(r):
    n = r.randrange(2, 300)
    return r.choice(
        [
            f"{n} Maple Street, Springfield, IL {digits(r, 5, '6')}",
            f"{n} Oak Avenue, Apt {n % 40 + 1}, " f"Austin, TX 787{digits(r, 2)}",
            f"Lindenstraße {n}, 50674 Köln",
            f"{n} rue de la Paix, 75002 " "Paris",
            f"{n} Baker Street, London NW1 6XE",
            f"Via Garibaldi {n}, 20121 Milano",
            f"Calle Mayor {n}, 28013 Madrid",
            f"ul. Marszałkowska {n}, 00-624 Warszawa",
            f"ул. Ленина, д. {n}, кв. {n % 90 + 1}, Казань",
            f"東京都渋谷区神南1丁目{n % 20 + 1}番{n % 9 + 1}号",
            f"Rua Augusta, {n}, 01305-000 São Paulo",
            f"Keizersgracht {n}, 1016 EA Amsterdam",
        ]
    )


# ---- China, Hong Kong, Taiwan ----
def cn_id(r, region=None):
    body = (region or r.choice(CN_REGIONS)) + born(r).strftime("%Y%m%d") + digits(r, 3)
    text = body + cd.gb11643(body)
    if r.random() < 0.1:
        text = text.lower()
    return group(text, (6, 8, 4), r.choice([" ", "-"])) if r.random() < 0.2 else text


def cn_id15(r):
    return r.choice(CN_REGIONS) + born(r, 1940, 1999).strftime("%y%m%d") + digits(r, 3)


def cn_foreign_pr(r):
    if r.random() < 0.5:
        return r.choice(["USA", "GBR", "DEU", "KOR", "JPN"]) + digits(r, 12)
    body = (
        "9"
        + r.choice(["11", "31", "44"])
        + r.choice(["840", "826", "276"])
        + born(r).strftime("%Y%m%d")
        + digits(r, 3)
    )
    return body + cd.gb11643(body)


def cn_residence(r):
    return cn_id(r, r.choice(["810000", "820000", "830000"]))


def cn_passport(r):
    return r.choice(
        [r.choice("EGDSP") + digits(r, 8), "E" + r.choice("ABCDEFGHJKLMNP") + digits(r, 7)]
    )


def hk_permit(r):
    return r.choice(["C", "H", "M", "W"]) + digits(r, 8)


def military(r):
    return r.choice(
        [f"军字第{digits(r, 8)}号", f"士字第{digits(r, 8)}号", f"文字第{digits(r, 7)}号"]
    )


def uscc(r):
    body = r.choice(["91", "92", "52", "12"]) + r.choice(CN_REGIONS)
    body += letters(r, 9, "0123456789ABCDEFGHJKLMNPQRTUWXY")
    return body + cd.gb32100(body)


def cn_plate(r):
    a = r.choice("京沪粤苏浙川鲁鄂湘闽") + r.choice("ABCDEF")
    tail = letters(r, 1, "ABCDEFGHJKLMNPQRSTUVWXYZ") + digits(r, 4)
    return r.choice([a + tail, f"{a}·{tail}", f"{a} {tail}", f"{a}D{digits(r, 5)}"])


@retry
def hkid(r):
    a, n = letters(r, r.choice([1, 1, 2])), digits(r, 6)
    return f"{a}{n}({cd.hkid(a, n)})"


def tw_id(r):
    body = letters(r, 1) + r.choice("12") + digits(r, 7)
    return body + cd.tw_id(body)


@retry
def tw_ubn(r):
    n = digits(r, 8)
    return n if cd.tw_ubn_valid(n) else None


# ---- the Americas ----
@retry
def ssn(r):
    a, b, c = digits(r, 3, "01234567"), digits(r, 2), digits(r, 4)
    if a in ("000", "666") or b == "00" or c == "0000" or f"{a}-{b}-{c}" == "078-05-1120":
        return None
    return f"{a}-{b}-{c}"


def ssn_bare(r):
    return ssn(r).replace("-", r.choice(["", " "]))


def itin(r):
    n = f"9{digits(r, 2)}-{r.choice(['70', '72', '78', '83', '90', '94'])}-{digits(r, 4)}"
    return r.choice([n, n.replace("-", "")])


def ein(r):
    return f"{r.choice(['12', '20', '27', '36', '47', '83'])}-{digits(r, 7)}"


def npi(r):
    body = digits(r, 9, "12")
    return body + cd.luhn("80840" + body)


def dea(r):
    body = digits(r, 6)
    return r.choice("ABFM") + letters(r, 1) + body + cd.dea(body)


def mbi(r):
    al, an = "ACDEFGHJKMNPQRTUVWXY", "ACDEFGHJKMNPQRTUVWXY0123456789"
    p = [
        digits(r, 1, "123456789"),
        letters(r, 1, al),
        letters(r, 1, an),
        digits(r, 1),
        letters(r, 1, al),
        letters(r, 1, an),
        digits(r, 1),
        letters(r, 2, al),
        digits(r, 2),
    ]
    n = "".join(p)
    return r.choice([n, group(n, (4, 3, 4), "-")])


def sin(r):
    body = digits(r, 8, "12345679")
    return group(body + cd.luhn(body), (3, 3, 3), r.choice(["", " ", "-"]))


def ohip(r):
    body = digits(r, 9, "123456789")
    return group(body + cd.luhn(body), (4, 3, 3), r.choice(["-", " "])) + r.choice(["", "-AB"])


def curp(r):
    c = "BCDFGHJKLMNPQRSTVWXYZ"
    body = (
        letters(r, 1) + r.choice("AEIOU") + letters(r, 2) + born(r, 1945, 1999).strftime("%y%m%d")
    )
    body += r.choice("HM") + r.choice(["DF", "JC", "NL", "MC", "PL", "VZ"]) + letters(r, 3, c)
    body += digits(r, 1)
    return body + cd.curp(body)


def rfc(r):
    body = letters(r, 1) + r.choice("AEIOU") + letters(r, 2) + born(r).strftime("%y%m%d")
    body += letters(r, 2, "ABCDEFGHIJKLMNPQRSTUVWXYZ123456789")
    return body + cd.rfc(body)


def cpf(r):
    body = digits(r, 9)
    n = body + cd.cpf(body)
    return f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}"


def cpf_bare(r):
    return cpf(r).replace(".", "").replace("-", "")


def cnpj(r):
    body = digits(r, 8) + "0001"
    n = body + cd.cnpj(body)
    return f"{n[:2]}.{n[2:5]}.{n[5:8]}/{n[8:12]}-{n[12:]}"


def cuit(r):
    body = r.choice(["20", "23", "27", "30", "33"]) + digits(r, 8)
    n = body + cd.cuit(body)
    return r.choice([n, f"{n[:2]}-{n[2:10]}-{n[10]}"])


def dni_ar(r):
    n = digits(r, 8, "1234")
    return r.choice([n, f"{n[:2]}.{n[2:5]}.{n[5:]}"])


def rut(r):
    n = digits(r, 8, "12")
    return f"{n[:2]}.{n[2:5]}.{n[5:]}-{cd.rut(n)}" if r.random() < 0.6 else f"{n}-{cd.rut(n)}"


def nit(r):
    n = digits(r, 9, "89")
    return r.choice([f"{n}-{cd.nit(n)}", f"{n[:3]}.{n[3:6]}.{n[6:]}-{cd.nit(n)}"])

"""Random identifiers of Europe, Asia, Oceania, Africa and the Gulf (see values.py)."""

import checkdigits as cd
from values import born, digits, group, grouped, letters, retry


def nino(r):
    n = letters(r, 1, "ABCEGHJKLMNPRSTWXYZ") + letters(r, 1, "ABCEGHJKLMNPRSTWXYZ")
    if n in ("GB", "NK", "TN", "ZZ", "BG", "KN", "NT"):
        n = "AB"
    n += digits(r, 6) + r.choice("ABCD")
    return r.choice([n, group(n, (2, 2, 2, 2, 1), " ")])


@retry
def nhs(r):
    body = digits(r, 9, "4679")
    c = cd.nhs(body)
    return c and r.choice([body + c, group(body + c, (3, 3, 4), " ")])


def utr(r):
    body = digits(r, 9)
    return cd.utr(body) + body


def uk_passport(r):
    return digits(r, 9, "12345")


def dvla(r):
    d = born(r)
    return (
        letters(r, 5)
        + f"{d:%y}"[0]
        + f"{d.month:02d}{d.day:02d}"
        + f"{d:%y}"[1]
        + letters(r, 2)
        + "9"
        + letters(r, 2)
    )


def ppsn(r):
    n = digits(r, 7)
    if r.random() < 0.3:
        second = r.choice("AB")
        return n + cd.ppsn(n, second) + second
    return n + cd.ppsn(n)


def steuer_id(r):
    pool = list("0123456789")
    r.shuffle(pool)
    body = pool[:9] + [pool[r.randrange(9)]]
    r.shuffle(body)
    if body[0] == "0":
        body[0], body[1] = body[1], body[0]
        if body[0] == "0":
            return steuer_id(r)
    text = "".join(body)
    return r.choice([text + cd.mod11_10(text), group(text + cd.mod11_10(text), (2, 3, 3, 3), " ")])


def steuernummer(r):
    return f"{digits(r, 2, '123')}/{digits(r, 3)}/{digits(r, 5)}"


def rvnr(r):
    body = digits(r, 2, "1456") + born(r).strftime("%d%m%y") + letters(r, 1) + digits(r, 2)
    n = body + cd.rvnr(body)
    return r.choice([n, group(n, (2, 6, 1, 3), " ")])


def kvnr(r):
    body = letters(r, 1) + digits(r, 8)
    return body + cd.kvnr(body)


def de_card(r):
    body = r.choice("LMNPRTVWXY") + letters(r, 8, "CFGHJKLMNPRTVWXYZ0123456789")
    return body + cd.icao(body)


def de_vat(r):
    body = digits(r, 8, "123456789")
    return "DE" + body + cd.mod11_10(body)


def de_plate(r):
    return (
        r.choice(["B", "M", "K", "HH", "F", "S"]) + "-" + letters(r, 2) + " " + digits(r, 3, "1234")
    )


@retry
def at_svnr(r):
    serial, birth = digits(r, 3, "123456789"), born(r).strftime("%d%m%y")
    c = cd.svnr(serial, birth)
    return c and r.choice([serial + c + birth, f"{serial}{c} {birth}"])


def ahv(r):
    body = "756" + digits(r, 9)
    n = body + cd.ean(body)
    return r.choice([n, f"{n[:3]}.{n[3:7]}.{n[7:11]}.{n[11:]}"])


def nir(r):
    body = (
        r.choice("12")
        + born(r).strftime("%y%m")
        + r.choice(["75", "69", "13", "33", "59"])
        + digits(r, 6)
    )
    n = body + f"{97 - int(body) % 97:02d}"
    return r.choice([n, f"{n[0]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:10]} {n[10:13]} {n[13:]}"])


def siret(r):
    body = digits(r, 8, "3458")
    siren = body + cd.luhn(body)
    if r.random() < 0.4:
        return r.choice([siren, group(siren, (3, 3, 3), " ")])
    body = siren + "000" + digits(r, 1)
    return body + cd.luhn(body)


def be_nn(r):
    d = born(r)
    body = d.strftime("%y%m%d") + digits(r, 3)
    c = f"{97 - int(('2' if d.year >= 2000 else '') + body) % 97:02d}"
    return r.choice([body + c, f"{body[:2]}.{body[2:4]}.{body[4:6]}-{body[6:]}.{c}"])


@retry
def bsn(r):
    body = digits(r, 8, "123456789")
    c = cd.weighted(body, range(9, 1, -1)) % 11
    return None if c == 10 else body + str(c)


def lu_nin(r):
    body = born(r).strftime("%Y%m%d") + digits(r, 3)
    return body + cd.luhn(body) + cd.verhoeff(body)


def nif(r):
    if r.random() < 0.3:
        a, n = r.choice("XYZ"), digits(r, 7)
        return f"{a}{n}{cd.nif_letter(str('XYZ'.index(a)) + n)}"
    n = digits(r, 8)
    return r.choice([n + cd.nif_letter(n), f"{n}-{cd.nif_letter(n)}"])


def cif(r):
    a, n = r.choice("ABEFGPQS"), digits(r, 7)
    return a + n + cd.cif(a, n)


def pt_nif(r):
    body = digits(r, 8, "1235")
    n = body + cd.pt_nif(body)
    return r.choice([n, group(n, (3, 3, 3), " ")])


def codice_fiscale(r):
    c = "BCDFGLMNPRSTVZ"
    d = born(r)
    body = letters(r, 6, c) + d.strftime("%y") + "ABCDEHLMPRST"[d.month - 1]
    body += f"{d.day + r.choice([0, 40]):02d}" + r.choice(["H501", "F205", "L219", "A944", "G273"])
    return body + cd.codice_fiscale(body)


def piva(r):
    body = digits(r, 7) + r.choice(["001", "015", "058"])
    return r.choice(["", "IT"]) + body + cd.luhn(body)


def it_card(r):
    return "C" + r.choice("A") + digits(r, 5) + letters(r, 2)


def amka(r):
    body = born(r).strftime("%d%m%y") + digits(r, 4)
    return body + cd.luhn(body)


def afm(r):
    body = digits(r, 8, "01")
    return body + cd.afm(body)


def pesel(r):
    d = born(r)
    body = f"{d:%y}{d.month + (20 if d.year >= 2000 else 0):02d}{d:%d}" + digits(r, 4)
    return body + cd.pesel(body)


@retry
def nip(r):
    body = digits(r, 9, "5678")
    c = cd.plain_mod11(body, [6, 5, 7, 2, 3, 4, 5, 6, 7])
    return c and r.choice([body + c, group(body + c, (3, 3, 2, 2), "-")])


def regon(r):
    body = digits(r, 8)
    return body + cd.plain_mod11(body, [8, 9, 2, 3, 4, 5, 6, 7], "0")


def dowod(r):
    a, n = letters(r, 3), digits(r, 5)
    return (
        a
        + str(
            sum(
                (ord(c) - 55 if c.isalpha() else int(c)) * w
                for c, w in zip(a + n, [7, 3, 1, 7, 3, 1, 7, 3])
            )
            % 10
        )
        + n
    )


@retry
def rodne_cislo(r):
    d = born(r, 1954, 2007)
    body = f"{d:%y}{d.month + r.choice([0, 50]):02d}{d:%d}" + digits(r, 3)
    c = int(body) % 11
    return None if c == 10 else r.choice([f"{body[:6]}/{body[6:]}{c}", f"{body}{c}"])


@retry
def hu_tax(r):
    body = "8" + digits(r, 8)
    return (c := cd.plain_mod11(body, range(1, 10))) and body + c


def hu_taj(r):
    body = digits(r, 8)
    n = body + str(cd.weighted(body, [3, 7] * 4) % 10)
    return r.choice([n, group(n, (3, 3, 3), "-"), group(n, (3, 3, 3), " ")])


def cnp(r):
    d = born(r)
    body = r.choice("12" if d.year < 2000 else "56") + d.strftime("%y%m%d")
    body += f"{r.randrange(1, 47):02d}" + digits(r, 3, "0123")
    return body + cd.plain_mod11(body, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9], "1")


def egn(r):
    d = born(r)
    body = f"{d:%y}{d.month + (40 if d.year >= 2000 else 0):02d}{d:%d}" + digits(r, 3)
    return body + cd.plain_mod11(body, [2, 4, 8, 5, 10, 9, 7, 3, 6], "0")


def oib(r):
    body = digits(r, 10)
    return body + cd.mod11_10(body)


@retry
def jmbg(r):
    d = born(r, 1950, 1999)
    body = (
        f"{d:%d%m}{d.year % 1000:03d}"
        + r.choice(["71", "72", "73", "80", "50", "33"])
        + digits(r, 3)
    )
    return (c := cd.jmbg(body)) and body + c


def personnummer(r):
    d = born(r)
    body = d.strftime("%y%m%d") + digits(r, 3)
    c = cd.luhn(body)
    return r.choice(
        [
            f"{body[:6]}-{body[6:]}{c}",
            f"{d.year // 100}{body[:6]}-{body[6:]}{c}",
            f"{d.year // 100}{body}{c}",
        ]
    )


def hetu(r):
    d = born(r)
    n = digits(r, 3, "012345678")
    n = "002" if n < "002" else n
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(d.strftime("%d%m%y") + n) % 31]
    return d.strftime("%d%m%y") + ("A" if d.year >= 2000 else "-") + n + check


def cpr(r):
    d = born(r)
    body = d.strftime("%d%m%y") + digits(r, 4)
    return r.choice([body, f"{body[:6]}-{body[6:]}"])


@retry
def fnr(r):
    body = born(r).strftime("%d%m%y") + digits(r, 3, "01234")
    c = cd.norwegian(body)
    return c and r.choice([body + c, f"{body[:6]} {body[6:]}{c}"])


def baltic(r):
    d = born(r)
    body = r.choice("34" if d.year < 2000 else "56") + d.strftime("%y%m%d") + digits(r, 3)
    return body + cd.baltic(body)


def latvian(r):
    d = born(r)
    body = d.strftime("%d%m%y") + ("1" if d.year < 2000 else "2") + digits(r, 3)
    return f"{body[:6]}-{body[6:]}{cd.latvian(body)}"


def inn(r):
    if r.random() < 0.4:
        body = "77" + digits(r, 7)
        return body + str(cd.weighted(body, [2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
    body = r.choice(["77", "50", "16"]) + digits(r, 8)
    return body + cd.inn12(body)


def snils(r):
    body = digits(r, 9, "1")
    return f"{body[:3]}-{body[3:6]}-{body[6:]} {cd.snils(body)}"


def ru_passport(r):
    a, n = digits(r, 4, "4"), digits(r, 6)
    return r.choice([f"{a} {n}", f"{a[:2]} {a[2:]} {n}", f"{a} № {n}"])


def rntrc(r):
    body = digits(r, 9, "23")
    return body + cd.rntrc(body)


def tckn(r):
    body = digits(r, 9, "123456789")
    return body + cd.tckn(body)


def teudat_zehut(r):
    body = digits(r, 8, "0235")
    return body + cd.luhn(body)


def my_number(r):
    body = digits(r, 11)
    return grouped(lambda _: body + cd.my_number(body), (4, 4, 4))(r)


def rrn(r):
    d = born(r)
    body = (
        d.strftime("%y%m%d") + r.choice("12" if d.year < 2000 else "34") + digits(r, 5, "012345678")
    )
    return f"{body[:6]}-{body[6:]}{cd.rrn(body)}"


def frn(r):
    d = born(r)
    body = d.strftime("%y%m%d") + r.choice("56" if d.year < 2000 else "78") + digits(r, 5)
    return f"{body[:6]}-{body[6:]}{cd.rrn(body, True)}"


def kr_brn(r):
    body = digits(r, 9, "123456")
    s = cd.weighted(body, [1, 3, 7, 1, 3, 7, 1, 3, 5]) + int(body[8]) * 5 // 10
    n = body + str(-s % 10)
    return group(n, (3, 2, 5), "-")


def thai(r):
    body = digits(r, 12, "12345")
    n = body + cd.thai(body)
    return r.choice([n, group(n, (1, 4, 5, 2, 1), "-"), group(n, (1, 4, 5, 2, 1), " ")])


def cccd(r):
    d = born(r)
    return (
        r.choice(["001", "079", "048", "031"])
        + r.choice("01" if d.year < 2000 else "23")
        + d.strftime("%y")
        + digits(r, 6)
    )


def nik(r):
    d = born(r)
    return (
        r.choice(["317401", "327301", "351502", "340402"])
        + f"{d.day + r.choice([0, 40]):02d}"
        + d.strftime("%m%y")
        + f"{r.randrange(1, 40):04d}"
    )


def mykad(r):
    n = born(r).strftime("%y%m%d") + r.choice(["10", "14", "08", "01"]) + digits(r, 4)
    return r.choice([n, group(n, (6, 2, 4), "-")])


def ph_tin(r):
    return group(digits(r, 9, "12349") + "000", (3, 3, 3, 3), "-")


def nric(r):
    a, n = r.choice("STFG"), digits(r, 7)
    return a + n + cd.nric(a, n)


def aadhaar(r):
    body = digits(r, 11, "23456789")
    return grouped(lambda _: body + cd.verhoeff(body), (4, 4, 4))(r)


def pan(r):
    return letters(r, 3) + r.choice("PCHF") + letters(r, 1) + digits(r, 4) + letters(r, 1)


def gstin(r):
    body = r.choice(["27", "29", "07", "33"]) + pan(r) + "1Z"
    return body + cd.gstin(body)


def upi(r):
    return (
        r.choice(["ravi.kumar", "priya99", "9876543210", "anil.s"])
        + "@"
        + r.choice(["okhdfcbank", "ybl", "paytm", "oksbi", "upi"])
    )


@retry
def tfn(r):
    body = digits(r, 8, "123456789")
    for c in "0123456789":
        if cd.weighted(body + c, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0:
            return r.choice([body + c, group(body + c, (3, 3, 3), " ")])
    return None


def abn(r):
    body = digits(r, 9)
    n = cd.abn(body) + body
    return r.choice([n, group(n, (2, 3, 3, 3), " ")])


def acn(r):
    body = digits(r, 8, "01")
    n = body + str(-cd.weighted(body, range(8, 0, -1)) % 10)
    return group(n, (3, 3, 3), " ")


def medicare(r):
    body = digits(r, 8, "23456")
    n = body + str(cd.weighted(body, [1, 3, 7, 9, 1, 3, 7, 9]) % 10) + "1"
    return r.choice([n, group(n, (4, 5, 1), " ")])


@retry
def ird(r):
    body = digits(r, 1, "1") + digits(r, 7, "01234")
    for weights in ([3, 2, 7, 6, 5, 4, 3, 2], [7, 4, 3, 2, 5, 2, 7, 6]):
        c = -cd.weighted(body, weights) % 11
        if c < 10:
            return r.choice([body + str(c), group(body + str(c), (3, 3, 3), "-")])
    return None


def za_id(r):
    body = born(r).strftime("%y%m%d") + digits(r, 4) + "08"
    return body + cd.luhn(body)


def ng_nin(r):
    body = digits(r, 10, "123456789")
    return body + cd.verhoeff(body)


def emirates(r):
    body = "784" + str(born(r).year) + digits(r, 7)
    n = body + cd.luhn(body)
    return r.choice([n, group(n, (3, 4, 7, 1), "-")])


def saudi(r):
    body = digits(r, 9, "12")
    return body + cd.luhn(body)


def passport(r):
    return r.choice(
        [digits(r, 9, "123456"), letters(r, 1) + digits(r, 8), letters(r, 2) + digits(r, 7)]
    )


def code(r):
    return r.choice(
        [digits(r, 8), letters(r, 1) + digits(r, 7), letters(r, 2) + "-" + digits(r, 6)]
    )

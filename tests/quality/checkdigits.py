"""Check digits of the identifiers that tests generate, written apart from the C they judge."""

import hashlib

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def weighted(text, weights):
    return sum(int(c) * w for c, w in zip(text, weights))


def luhn(text):
    """The digit that makes text + digit pass."""
    total = 0
    for i, c in enumerate(reversed(text)):
        d = int(c) * (2 if i % 2 == 0 else 1)
        total += d - 9 if d > 9 else d
    return str(-total % 10)


_VERHOEFF_P = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    _VERHOEFF_P.append([_VERHOEFF_P[-1][_VERHOEFF_P[1][i]] for i in range(10)])


def _dihedral(a, b):
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5


def verhoeff(text):
    c = 0
    for i, ch in enumerate(reversed(text)):
        c = _dihedral(c, _VERHOEFF_P[(i + 1) % 8][int(ch)])
    return str(next(j for j in range(10) if _dihedral(c, j) == 0))


def mod11_10(text):
    p = 10
    for c in text:
        p = ((int(c) + p) % 10 or 10) * 2 % 11
    return str((11 - p) % 10)


def letters_to_digits(text):
    return "".join(str(BASE36.index(c)) for c in text.upper())


def iban(country, bban):
    return f"{country}{98 - int(letters_to_digits(bban + country + '00')) % 97:02d}{bban}"


def gb11643(text):
    total = weighted(text, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
    return "10X98765432"[total % 11]


def gb32100(text):
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
    total = sum(alphabet.index(c) * w for c, w in zip(text, weights))
    return alphabet[-total % 31]


def cpf(text):
    for _ in range(2):
        total = weighted(reversed(text), range(2, 12))
        text += str((11 - total % 11) % 11 % 10)
    return text[-2:]


def cnpj(text):
    for _ in range(2):
        total = weighted(reversed(text), [2, 3, 4, 5, 6, 7, 8, 9] * 2)
        text += str((11 - total % 11) % 11 % 10)
    return text[-2:]


def rut(text):
    total = weighted(reversed(text), [2, 3, 4, 5, 6, 7] * 2)
    return "0123456789K"[-total % 11]


def cuit(text):
    total = weighted(text, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2])
    return {10: "9", 11: "0"}.get(11 - total % 11, str((11 - total % 11) % 11))


def nit(text):
    weights = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71]
    r = weighted(reversed(text), weights) % 11
    return str(r if r < 2 else 11 - r)


def curp(text):
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    return str(-sum(alphabet.index(c) * (18 - i) for i, c in enumerate(text)) % 10)


def rfc(text):
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    total = sum(alphabet.index(c) * (13 - i) for i, c in enumerate(text.rjust(12)))
    return alphabet[-total % 11]


def nhs(text):
    """None where no digit fits."""
    d = 11 - weighted(text, range(10, 1, -1)) % 11
    return None if d == 10 else str(d % 11)


def utr(text):
    return "21987654321"[weighted(text, [6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11]


def ppsn(digits, second=""):
    total = weighted(digits, range(8, 1, -1))
    total += 9 * (ord(second) - 64) if second else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23]


def _cross(n):
    return n // 10 + n % 10


def rvnr(text):
    digits = "".join(c if c.isdigit() else f"{ord(c) - 64:02d}" for c in text)
    weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]
    return str(sum(_cross(int(c) * w) for c, w in zip(digits, weights)) % 10)


def kvnr(text):
    digits = f"{ord(text[0]) - 64:02d}" + text[1:]
    return str(sum(_cross(int(c) * w) for c, w in zip(digits, [1, 2] * 5)) % 10)


def icao(text):
    total = sum(BASE36.index(c) * w for c, w in zip(text, [7, 3, 1] * 5))
    return str(total % 10)


def svnr(serial, birth):
    """Austria: the fourth digit, or None where none fits."""
    d = weighted(serial + birth, [3, 7, 9, 5, 8, 4, 2, 1, 6]) % 11
    return None if d == 10 else str(d)


def ean(text):
    return str(-sum(int(c) * (3 if i % 2 == 0 else 1) for i, c in enumerate(reversed(text))) % 10)


def nif_letter(number):
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def cif(letter, digits):
    d = luhn(digits)
    return "JABCDEFGHI"[int(d)] if letter in "PQSW" else d


def pt_nif(text):
    return str((11 - weighted(text, range(9, 1, -1)) % 11) % 11 % 10)


def codice_fiscale(text):
    odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25]
    odd += [24, 23]
    total = 0
    for i, c in enumerate(text):
        n = int(c) if c.isdigit() else ord(c) - 65
        total += odd[n] if i % 2 == 0 else n
    return chr(65 + total % 26)


def afm(text):
    return str(sum(int(c) << (8 - i) for i, c in enumerate(text)) % 11 % 10)


def pesel(text):
    return str(-weighted(text, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)


def plain_mod11(text, weights, ten=None):
    r = weighted(text, weights) % 11
    return ten if r == 10 else str(r)


def jmbg(text):
    r = 11 - weighted(text, [7, 6, 5, 4, 3, 2] * 2) % 11
    return None if r == 10 else str(r % 11)


def baltic(text):
    for weights in ([1, 2, 3, 4, 5, 6, 7, 8, 9, 1], [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]):
        r = weighted(text, weights) % 11
        if r < 10:
            return str(r)
    return "0"


def latvian(text):
    return str((1 + weighted(text, [10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10)


def norwegian(text):
    for weights in ([3, 7, 6, 1, 8, 9, 4, 5, 2], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]):
        r = -weighted(text, weights) % 11
        if r == 10:
            return None
        text += str(r)
    return text[-2:]


def inn12(text):
    a = weighted(text, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10
    text += str(a)
    return text[-1] + str(weighted(text, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)


def snils(text):
    return f"{weighted(text, range(9, 0, -1)) % 101 % 100:02d}"


def rntrc(text):
    return str(weighted(text, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10)


def tckn(text):
    odd, even = sum(map(int, text[0::2])), sum(map(int, text[1::2]))
    tenth = (odd * 7 - even) % 10
    return f"{tenth}{(odd + even + tenth) % 10}"


def my_number(text):
    r = weighted(reversed(text), [2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6]) % 11
    return str(0 if r <= 1 else 11 - r)


def rrn(text, foreign=False):
    s = weighted(text, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11
    return str(((13 if foreign else 11) - s) % 10)


def thai(text):
    return str((11 - weighted(text, range(13, 1, -1)) % 11) % 10)


def nric(first, digits):
    s = weighted(digits, [2, 7, 6, 5, 4, 3, 2]) + (4 if first in "TG" else 3 if first == "M" else 0)
    if first == "M":
        return "KLJNPQRTUWX"[10 - s % 11]
    return ("JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK")[s % 11]


def gstin(text):
    total = 0
    for i, c in enumerate(reversed(text)):
        p = BASE36.index(c) * (2 if i % 2 == 0 else 1)
        total += p // 36 + p % 36
    return BASE36[-total % 36]


def hkid(letters, digits):
    values = [36] if len(letters) == 1 else []
    values += [ord(c) - 55 for c in letters] + [int(c) for c in digits]
    return "0123456789A"[-sum(v * w for v, w in zip(values, range(9, 1, -1))) % 11]


def tw_id(text):
    code = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0])
    total = code // 10 + code % 10 * 9 + weighted(text[1:], range(8, 0, -1))
    return str(-total % 10)


def tw_ubn_valid(text):
    sums = [_cross(int(c) * w) for c, w in zip(text, [1, 2, 1, 2, 1, 2, 4, 1])]
    return sum(sums) % 5 == 0 or (text[6] == "7" and (sum(sums) + 1) % 5 == 0)


def dea(text):
    return str((weighted(text[0::2], [1] * 3) + 2 * weighted(text[1::2], [1] * 3)) % 10)


def aba(text):
    return str(-weighted(text, [3, 7, 1, 3, 7, 1, 3, 7]) % 10)


def vin(text):
    """text: 17 characters, the ninth is to be replaced."""
    values = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9],
        )
    )
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    total = sum((int(c) if c.isdigit() else values[c]) * w for c, w in zip(text, weights))
    return "0123456789X"[total % 11]


def abn(text):
    """The two leading digits of an 11 digit number."""
    total = weighted(text, [3, 5, 7, 9, 11, 13, 15, 17, 19])
    return str(11 + (-total - 1) % 89) if 11 + (-total - 1) % 89 <= 99 else None


def base58check(version, payload):
    raw = bytes([version]) + payload
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    n, out = int.from_bytes(raw, "big"), ""
    while n:
        n, r = divmod(n, 58)
        out = BASE58[r] + out
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + out


def _polymod(values):
    c = 1
    for v in values:
        top = c >> 25
        c = (c & 0x1FFFFFF) << 5 ^ v
        for i, g in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            c ^= g if top >> i & 1 else 0
    return c


def bech32(prefix, data, const=1):
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    p = _polymod(head + data + [0] * 6) ^ const
    return (
        prefix + "1" + "".join(BECH32[d] for d in data + [p >> 5 * (5 - i) & 31 for i in range(6)])
    )

"""The table of identifiers: how to make one, how strong it is alone, its words by language.

strength as in docs: S suffices alone, V has a weak validator, X needs its context word.
The first language of each is that of its region; English and Chinese words go with all.
"""

from dataclasses import dataclass
from pathlib import Path

import values as v
import values_world as w


@dataclass(frozen=True)
class Identifier:
    name: str
    make: object
    strength: str
    words: dict  # language: [word, ...]
    checked: bool = True  # has a check digit that may be made to fail beside a word


def _table(text, makers):
    out = []
    for line in text.strip().splitlines()[1:]:
        head, *pairs = [p.strip() for p in line.split("|")]
        name, strength, *flag = head.split()
        words = {}
        for p in pairs:
            lang, _, rest = p.partition(":")
            words[lang] = [x.strip() for x in rest.split(";")]
        out.append(Identifier(name, makers[name], strength, words, not flag))
    return out


MAKERS = {
    "CREDIT_CARD": v.card,
    "CARD_TRACK": v.card_track,
    "IBAN": v.iban,
    "BIC": v.bic,
    "US_ABA": v.aba,
    "CRYPTO": v.crypto,
    "SEED_PHRASE": v.seed_phrase,
    "EMAIL": v.email,
    "PHONE_E164": v.e164,
    "PHONE_US": v.us_phone,
    "DATE_OF_BIRTH": v.dob,
    "IP": v.ip,
    "IPV6": v.ipv6,
    "MAC": v.mac,
    "IMEI": v.imei,
    "IMSI": v.imsi,
    "ICCID": v.iccid,
    "VIN": v.vin,
    "GEO": v.geo,
    "ADDRESS": v.address,
    "ACCOUNT_NUMBER": lambda r: v.digits(r, 10, "123456789"),
    "UK_SORT_CODE": lambda r: "-".join((v.digits(r, 2), v.digits(r, 2), v.digits(r, 2)))
    + " "
    + v.digits(r, 8),
    "CARD_CVV": lambda r: v.digits(r, 3),
    "OTP": lambda r: v.digits(r, 6),
    "CN_RESIDENT_ID": v.cn_id,
    "CN_RESIDENT_ID15": v.cn_id15,
    "CN_FOREIGN_PR": v.cn_foreign_pr,
    "CN_RESIDENCE_PERMIT": v.cn_residence,
    "CN_MOBILE": v.cn_mobile,
    "CN_LANDLINE": v.cn_landline,
    "CN_BANK_CARD": v.cn_bank_card,
    "CN_PASSPORT": v.cn_passport,
    "HK_PERMIT": v.hk_permit,
    "TW_PERMIT": lambda r: v.digits(r, 8),
    "CN_MILITARY": v.military,
    "CN_DRIVER": v.cn_id,
    "CN_SOCIAL": lambda r: v.digits(r, 11, "123"),
    "CN_HOUSING_FUND": lambda r: v.digits(r, 12, "123"),
    "CN_MEDICAL_RECORD": lambda r: v.digits(r, 8),
    "CN_USCC": v.uscc,
    "CN_PLATE": v.cn_plate,
    "WECHAT": lambda r: r.choice(["wxid_", "zhang_", "li"]) + v.letters(r, 6, "abcdefgh123456"),
    "QQ": lambda r: v.digits(r, 9, "123"),
    "CN_ADDRESS": v.cn_address,
    "HKID": v.hkid,
    "TW_ID": v.tw_id,
    "TW_UBN": v.tw_ubn,
    "US_SSN": v.ssn,
    "US_SSN_BARE": v.ssn_bare,
    "US_ITIN": v.itin,
    "US_EIN": v.ein,
    "US_NPI": v.npi,
    "US_DEA": v.dea,
    "US_MBI": v.mbi,
    "US_PASSPORT": lambda r: v.digits(r, 9, "34"),
    "US_DRIVER": lambda r: v.letters(r, 1) + v.digits(r, 7),
    "US_MRN": lambda r: v.digits(r, 8),
    "CA_SIN": v.sin,
    "CA_OHIP": v.ohip,
    "MX_CURP": v.curp,
    "MX_RFC": v.rfc,
    "BR_CPF": v.cpf,
    "BR_CPF_BARE": v.cpf_bare,
    "BR_CNPJ": v.cnpj,
    "AR_CUIT": v.cuit,
    "AR_DNI": v.dni_ar,
    "CL_RUT": v.rut,
    "CO_NIT": v.nit,
    "UK_NINO": w.nino,
    "UK_NHS": w.nhs,
    "UK_UTR": w.utr,
    "UK_PASSPORT": w.uk_passport,
    "UK_DVLA": w.dvla,
    "IE_PPSN": w.ppsn,
    "DE_TAX_ID": w.steuer_id,
    "DE_TAX_NUMBER": w.steuernummer,
    "DE_RVNR": w.rvnr,
    "DE_KVNR": w.kvnr,
    "DE_ID_CARD": w.de_card,
    "DE_VAT": w.de_vat,
    "DE_PLATE": w.de_plate,
    "AT_SVNR": w.at_svnr,
    "CH_AHV": w.ahv,
    "FR_NIR": w.nir,
    "FR_SIRET": w.siret,
    "FR_CNI": lambda r: v.digits(r, 12),
    "BE_NN": w.be_nn,
    "NL_BSN": w.bsn,
    "LU_NIN": w.lu_nin,
    "ES_NIF": w.nif,
    "ES_CIF": w.cif,
    "PT_NIF": w.pt_nif,
    "IT_CODICE_FISCALE": w.codice_fiscale,
    "IT_PIVA": w.piva,
    "IT_CARD": w.it_card,
    "GR_AMKA": w.amka,
    "GR_AFM": w.afm,
    "PL_PESEL": w.pesel,
    "PL_NIP": w.nip,
    "PL_REGON": w.regon,
    "PL_DOWOD": w.dowod,
    "CZ_RC": w.rodne_cislo,
    "SK_RC": w.rodne_cislo,
    "HU_TAX": w.hu_tax,
    "HU_TAJ": w.hu_taj,
    "RO_CNP": w.cnp,
    "BG_EGN": w.egn,
    "HR_OIB": w.oib,
    "RS_JMBG": w.jmbg,
    "SE_PERSONNUMMER": w.personnummer,
    "FI_HETU": w.hetu,
    "DK_CPR": w.cpr,
    "NO_FNR": w.fnr,
    "EE_ISIKUKOOD": w.baltic,
    "LT_ASMENS_KODAS": w.baltic,
    "LV_PERSONAS_KODS": w.latvian,
    "RU_INN": w.inn,
    "RU_SNILS": w.snils,
    "RU_PASSPORT": w.ru_passport,
    "UA_RNTRC": w.rntrc,
    "TR_TCKN": w.tckn,
    "IL_TZ": w.teudat_zehut,
    "JP_MY_NUMBER": w.my_number,
    "JP_PASSPORT": lambda r: v.letters(r, 2) + v.digits(r, 7),
    "KR_RRN": w.rrn,
    "KR_FRN": w.frn,
    "KR_BRN": w.kr_brn,
    "TH_TNIN": w.thai,
    "VN_CCCD": w.cccd,
    "ID_NIK": w.nik,
    "MY_KAD": w.mykad,
    "PH_TIN": w.ph_tin,
    "SG_NRIC": w.nric,
    "IN_AADHAAR": w.aadhaar,
    "IN_PAN": w.pan,
    "IN_GSTIN": w.gstin,
    "IN_UPI": w.upi,
    "IN_VOTER": lambda r: v.letters(r, 3) + v.digits(r, 7),
    "AU_TFN": w.tfn,
    "AU_ABN": w.abn,
    "AU_ACN": w.acn,
    "AU_MEDICARE": w.medicare,
    "NZ_IRD": w.ird,
    "ZA_ID": w.za_id,
    "NG_NIN": w.ng_nin,
    "AE_EMIRATES_ID": w.emirates,
    "SA_ID": w.saudi,
    "PASSPORT": w.passport,
    "EMPLOYEE_CODE": w.code,
}

TABLE = _table((Path(__file__).parent / "identifiers.txt").read_text("utf-8"), MAKERS)


def by_name(name):
    return next(i for i in TABLE if i.name == name)


def spoil(r, text):
    """The same with a wrong last check character."""
    for i in range(len(text) - 1, -1, -1):
        if text[i].isdigit():
            return text[:i] + str((int(text[i]) + r.randrange(1, 9)) % 10) + text[i + 1 :]
        if text[i].isalpha() and text[i].isascii():
            others = [c for c in "ABCDEFGHJKLMNPQRSTVWXYZ" if c != text[i].upper()]
            return text[:i] + r.choice(others) + text[i + 1 :]
    return text

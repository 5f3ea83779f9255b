"""The tier that patterns can't see: held-out templates of the model's, and other people's names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "router/classify/train"))
import templates  # noqa: E402

# Given names, family names and how to join them; written for this test.
NAMES = {
    "en": "Harriet Owen Callum Beatrice Desmond Imogen Rupert Tamsin Leroy Winnie Gareth Maeve"
    "|Ashworth Pemberton Okafor Lockhart Delgado Whitcombe Fairbanks Mulligan Tran Abernathy",
    "zh": "晓彤 建华 梓涵 国强 雨欣 志远 丽娟 浩然 秀英 明哲 思琪 文博|欧阳 陈 刘 赵 周 吴 郑 徐 孙 马 朱 胡",
    "zh-TW": "怡君 家豪 淑芬 俊宏 雅婷 志明|林 黃 張 蔡 許 鄭",
    "de": "Heike Jürgen Annegret Thorsten Wiebke|Sauerland Bräutigam Niehoff Kessler Voß",
    "fr": "Solène Thibault Mireille Gauthier Océane Fabrice|Lemoine Charpentier Delacroix Vasseur",
    "es": "Rocío Álvaro Consuelo Iñaki Lourdes Fermín|Echeverría Montoya Zamora Quintana Belmonte",
    "it": "Ginevra Ettore Fiammetta Ruggero|Bellucci Tagliaferri Sorrentino Montanari",
    "pt": "Beatriz Thiago Luciana Joaquim|Figueiredo Azevedo Vasconcelos Teixeira",
    "ja": "美咲 健太 陽子 直樹 彩花|佐々木 長谷川 小野寺 三浦",
    "ko": "지민 현우 서연 도윤|박 최 정 강",
    "ru": "Зинаида Геннадий Фаина Руслан|Мельникова Борисенко Щербаков Воронцов",
    "uk": "Оксана Тарас Богдан|Шевчук Кравець Лисенко",
    "pl": "Grażyna Zbigniew Halina|Wójcicka Malinowski Dąbek",
    "nl": "Marijke Sjoerd Femke|van Dijk Hoekstra de Graaf",
    "tr": "Gülşen Orhan Sevgi|Yıldırım Karataş Özdemir",
    "sv": "Gunilla Torbjörn Ebba|Lindqvist Åkesson Hedlund",
    "ar": "سلمى خالد نورة|الحربي المصري العبيدي",
    "hi": "सुनीता राजेश कविता|शर्मा वर्मा पाटिल",
    "vi": "Ngọc Minh Thu|Nguyễn Đặng Phan",
    "id": "Siti Bambang Dewi|Wijaya Hartono Lestari",
    "th": "สมชาย สุดา ปรีชา|ใจดี ทองดี ศรีสุข",
}
ORGS = {
    "en": "Harlow Bearings;Quillon Foods;Tessera Health;Norvik Shipping;Ostrava Glass Works",
    "zh": "鼎盛轴承有限公司;青禾食品集团;海纳医疗科技;北辰航运;天工玻璃",
}
ADDRESSES = {
    "en": "14 Pelham Crescent, Bristol;Apt 9, 2203 Juniper Lane, Tulsa;77 Harbour Row, Cork",
    "zh": "南京市鼓楼区中山北路88号3栋;成都市青羊区宽窄巷子旁小区12号;武汉市洪山区珞喻路5号2单元",
}
JOIN = {"zh": "", "zh-TW": "", "ja": "", "ko": ""}


def maker(r, lang):
    given, family = (
        s.split() if lang not in ("nl",) else [x for x in s.split() if x]
        for s in NAMES[lang].split("|")
    )

    def person(kind):
        if kind == "f":
            return r.choice(given)
        if kind == "n":
            parts = [r.choice(given), r.choice(family)]
            return JOIN.get(lang, " ").join(parts[::-1] if lang in JOIN else parts)
        among = {"org": ORGS, "addr": ADDRESSES}.get(kind)
        if among:
            return r.choice(among.get(lang[:2], among["en"]).split(";"))
        return None

    return person


def samples(r, count):
    """Yields (language, kind, template, text, sensitive) of templates that were not trained on."""
    for name, sensitive in (("sensitive.txt", True), ("ordinary.txt", False)):
        among = [t for t in templates.read(name) if templates.is_test(t[2])]
        for i in range(count):
            lang, kind, template = among[i % len(among)]
            text = templates.fill(r, template, lang, maker(r, lang))
            yield lang, kind, template, text, sensitive

"""Document markings by language, where documents carry them, and bodies that they stand over."""

from pathlib import Path

# (marking, language); the strongest words and the common phrases
TEXT = (Path(__file__).parent / "markings.txt").read_text("utf-8")
MARKS = [
    (lang, m.strip())
    for line in TEXT.splitlines()
    for lang, _, rest in [line.partition(" ")]
    for m in rest.split(";")
]

BODIES = {
    "en": [
        "The board will meet on Thursday to approve the plan.",
        "Quarterly roadmap of the platform team.",
    ],
    "zh": ["董事会周四讨论新方案。", "本季度平台组工作计划如下。"],
    "zh-TW": ["董事會週四討論新方案。"],
    "de": ["Der Vorstand tagt am Donnerstag."],
    "fr": ["Le conseil se réunit jeudi."],
    "es": ["El consejo se reúne el jueves."],
    "it": ["Il consiglio si riunisce giovedì."],
    "pt": ["O conselho reúne-se na quinta-feira."],
    "ru": ["Совет соберётся в четверг."],
    "ja": ["取締役会は木曜日に開かれます。"],
    "ko": ["이사회는 목요일에 열립니다."],
    "ar": ["يجتمع المجلس يوم الخميس."],
    "pl": ["Zarząd spotyka się w czwartek."],
}
PLACES = [
    "{m}\n\n{b}",
    "[{m}] {b}",
    "【{m}】{b}",
    "{b}\n\n{m}",
    "({m}) {b}",
    "Please summarise:\n\n{m}\n{b}",
    "{M}\n{b}",
    "Page 3 of 12 | {m}\n{b}",
    "{m}: {b}",
    "*** {m} ***\n{b}",
    "# {m}\n\n{b}",
    "帮我润色下面的内容：\n{m}\n{b}",
    "--- {m} ---\n{b}",
    "{m} - {b}",
    "“{m}”\n{b}",
    "Acme Corp — {m} — 2026\n{b}",
    "Subject: [{m}] plan\n\n{b}",
    "<header>{m}</header><p>{b}</p>",
    "**{m}**\n\n{b}",
    "> {m}\n> {b}",
    "{b}\n-- \n{m}",
    "    {m}\n\n{b}",
    "/* {m} */\n{b}",
    "（{m}）{b}",
    '{{"header": "{m}", "body": "{b}"}}',
]
LABELS = {
    "en": "Classification:;Sensitivity:;Document classification:;Security level:;Classification =",
    "zh": "密级：;保密级别：;密级:;文件密级：;保密等级：",
    "zh-TW": "密等：;機密等級：",
    "de": "Klassifizierung:;Einstufung:;Vertraulichkeit:",
    "fr": "Classification :;Niveau de confidentialité :",
    "es": "Clasificación:;Nivel de confidencialidad:",
    "it": "Classificazione:",
    "pt": "Classificação:",
    "ru": "Гриф:;Гриф секретности:;Уровень конфиденциальности:",
    "ja": "機密区分：;秘密区分：",
    "ko": "보안등급:;문서등급:",
    "pl": "Klauzula:;Klasyfikacja:",
    "nl": "Classificatie:;Rubricering:",
    "ar": "التصنيف:;درجة السرية:",
    "tr": "Gizlilik derecesi:",
    "sv": "Klassning:",
    "cs": "Stupeň utajení:",
    "vi": "Độ mật:",
    "zz": "Classification:;Marking:",
}
LABEL_PLACES = [
    "{l} {m}\n{b}",
    "{b}\n{l}{m}",
    "| {l} | {m} |\n{b}",
    "Title: plan\n{l} {m}\nOwner: PMO\n{b}",
]

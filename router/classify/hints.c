/* hints.c - what tells that a view hides something in another form, as patterns of the one scan, so
 * that looking for disguises costs next to nothing where there are none. A hit says where to look;
 * words.c, disguise.c, strip.c and decode.c look there. */
#include "router/classify/patterns.h"

/* Numerals as they stand in runs of digits; 十 and 百 count, they are no digits. */
#define NUMERAL                                                                                                               \
    "(?:〇|零|一|二|三|四|五|六|七|八|九|壹|贰|叁|肆|伍|陆|柒|捌|玖|貳|參|陸|幺|拐|两|兩|洞|勾|" \
    "공|영|일|이|삼|사|오|육|칠|팔|구)"
/* Digit words of three letters and more: shorter ones never stand alone in a run. */
#define WORD                                                                                                                                                                                                           \
    "(?:zero|one|two|three|four|five|six|seven|eight|nine|double|triple|null|eins|zwei|zwo|drei|"                                                                                                                      \
    "vier|funf|fuenf|sechs|sieben|acht|neun|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|"                                                                                                                           \
    "nueve|deux|trois|quatre|cinq|sept|huit|neuf|dois|quatro|sete|oito|nove|due|tre|quattro|"                                                                                                                          \
    "cinque|sei|sette|otto|nul|een|twee|drie|vijf|zes|zeven|negen|jeden|dwa|trzy|cztery|piec|"                                                                                                                         \
    "szesc|siedem|osiem|dziewiec|sifir|bir|iki|dort|bes|alti|yedi|sekiz|dokuz|khong|mot|hai|bon|"                                                                                                                      \
    "nam|sau|bay|tam|chin|nol|satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|ling|san|liu|"                                                                                                                      \
    "jiu|yao|noll|ett|tva|fyra|fem|sju|atta|nio|ноль|нуль|один|два|три|четыре|пять|шесть|семь|"                                                                                   \
    "восемь|девять|чотири|вісім|сім|μηδέν|ένα|δύο|τρία|τέσσερα|πέντε|έξι|επτά|εφτά|οκτώ|εννέα|"                                               \
    "εννιά|صفر|واحد|اثنان|اثنين|ثلاثة|أربعة|خمسة|ستة|سبعة|ثمانية|تسعة|शून्य|एक|दो|तीन|चार|पांच|"                            \
    "पाँच|छह|सात|आठ|नौ|ศูนย์|หนึ่ง|สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า|ゼロ|いち|さん|よん|ろく|なな|はち|" \
    "きゅう)"

static const sl_pattern hints[] = {
    {"(?:" NUMERAL "[ ,.-]?){4}", SL_HINT_NUMERALS, 0},
    {NUMERAL " ?[0-9] ?" NUMERAL, SL_HINT_NUMERALS, 0},
    {"[0-9]" NUMERAL "[0-9]", SL_HINT_NUMERALS, 0},
    {"(?i)" WORD "[ ,.-]{0,2}" WORD "[ ,.-]{0,2}" WORD, SL_HINT_WORDS, 0},

    /* pieces of a number one by one */
    {"(?i)\\b(?:part|piece|chunk|block|segment|teil|parte|partie|group)s? ?(?:no\\.? ?)?[1-9]\\b",
     SL_HINT_PARTS, 0},
    {"(?i)\"[a-z_]{1,8}[1-9]\": ?\"[0-9]", SL_HINT_PARTS, 0},
    {"(?i)(?:starts? with|followed by|and then|ends? with|last four|first four|rest is|assistant:|"
     "user:|前(?:四|三|六)位|后(?:四|三|六)位|接着是|开头是|结尾是|第[一二三1-3](?:段|部分|组))",
     SL_HINT_PARTS, 0},
    {"\\| ?[1-9] ?\\| ?[0-9]{2}", SL_HINT_PARTS, 0},

    /* addresses that avoid the sign */
    {"(?i)[\\[({<] ?(?:at|@|arroba|dot|\\.|punto|ponto|point|punkt) ?[\\])}>]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9] (?:at|arroba|chez|собака) [a-z0-9.-]{1,30} ?(?:dot|punto|ponto|point|\\.|точка) "
     "?[a-z]",
     SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9][ _-](?:at|arroba)[ _-][a-z0-9-]{1,30}[ _-](?:dot|punto|ponto|point|punkt)[ _-]",
     SL_HINT_MAIL, 0},
    {"[A-Za-z0-9_.] ?艾特", SL_HINT_MAIL, 0},
    {"(?:@|＠) ?[a-zA-Z0-9-]{1,30} ?(?:点|點|,| dot | [.] ?)[a-zA-Z]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9] @ ?[a-z0-9]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9]@ [a-z0-9]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9][#*][a-z0-9-]{2,20}\\.(?:com|cn|net|org|edu|gov|de|fr|ru|jp|io)\\b", SL_HINT_MAIL,
     0},

    /* text in pieces: markup in words, strings put together */
    {"(?i)[a-z0-9@._+-]</?(?:b|i|u|s|em|a|p|q|strong|span|font|mark|small|big|code|tt|kbd|sub|sup|"
     "wbr|br|ins|del|div|td|th)[ />]",
     SL_HINT_STRIP, 0},
    {"<!--", SL_HINT_STRIP, 0},
    {"\\x1b\\[", SL_HINT_STRIP, 0},
    {"[a-zA-Z0-9](?:\\*\\*|~~|__|``|\\|\\|)[a-zA-Z0-9]", SL_HINT_STRIP, 0},
    {"[\"'] ?(?:\\+|\\.|&|\\|\\||<<|\\.\\.) ?[\"']", SL_HINT_STRIP, 0},
    {"\"\\s{1,12}\"", SL_HINT_STRIP, 0},
    {"[a-zA-Z0-9]=\\r?\\n[a-zA-Z0-9]", SL_HINT_QP, 0},
    {"[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1a\\x1c-\\x1f\\x7f]", SL_HINT_STRIP, 0},

    {"(?:=[0-9A-F]{2}){2}", SL_HINT_QP, 0},
    {"[A-Za-z0-9]=(?:40|2E|2D)[A-Za-z0-9]", SL_HINT_QP, 0},
    {"\\\\[0-3][0-7]{2}\\\\[0-3][0-7]{2}", SL_HINT_ESCAPE, 0},

    {"(?i)\\b(?:in reverse|reversed?|backwards?|rückwärts|umgekehrt|à l'envers|al revés|al "
     "contrario|"
     "de trás|ao contrário|наоборот)\\b|反过来|倒过来|倒序|倒着|反转|反著|逆序|逆順|거꾸로",
     SL_HINT_REVERSED, 0},
    {"(?i)\\brot-?13\\b|\\bcaesar (?:cipher|shift)", SL_HINT_ROT13, 0},
};

static void on_hint(sl_classifier *c, sl_str t, size_t end, const sl_pattern *p)
{
    (void)t;
    sl_hint(c, (sl_hint_kind)p->arg, end - 1);
}

const sl_pattern_list sl_hint_patterns = {hints, sizeof hints / sizeof *hints, on_hint};

/* hints.c - what tells that a view hides something in another form, as patterns of the one scan, so
 * that looking for disguises costs next to nothing where there are none. A hit says where to look;
 * words.c, disguise.c, strip.c and decode.c look there. */
#include "router/classify/patterns.h"

/* Numerals as they stand in runs of digits; 十 and 百 count, they are no digits. */
/* clang-format off */
#define NUMERAL \
    "(?:〇|零|一|二|三|四|五|六|七|八|九|壹|贰|叁|肆|伍|陆|柒|捌|玖|貳|參|陸|幺|拐|两|兩|洞|勾|" \
    "공|영|일|이|삼|사|오|육|칠|팔|구)"
/* clang-format on */
/* Digit words of a language, one behind the other. The first is a long one or has blanks around it:
 * short ones are parts of many words. A pattern a language: many words in one have no literal that
 * the scan could skip on. */
#define WORDS(first, second)                                           \
    {                                                                  \
        "(?i)(?:" first ")[ ,.-]{0,2}(?:" second ")", SL_HINT_WORDS, 0 \
    }

static const sl_pattern hints[] = {
    {"(?:" NUMERAL "[ ,.-]?){4}", SL_HINT_NUMERALS, 0},
    {NUMERAL " ?[0-9] ?" NUMERAL, SL_HINT_NUMERALS, 0},
    {"[0-9]" NUMERAL "[0-9]", SL_HINT_NUMERALS, 0},
    /* clang-format off */
    /* en */ WORDS("zero|three|four|five|seven|eight|nine|double|triple", "zero|three|four|five|seven|eight|nine|double|triple|one|two|six|oh"),
    /* de */ WORDS("null|eins|zwei|drei|vier|funf|fuenf|sechs|sieben|acht|neun", "null|eins|zwei|drei|vier|funf|fuenf|sechs|sieben|acht|neun|ein|zwo"),
    /* es */ WORDS("cero|cuatro|cinco|seis|siete|ocho|nueve", "cero|cuatro|cinco|seis|siete|ocho|nueve|uno|dos|tres"),
    /* fr */ WORDS("zero|deux|trois|quatre|cinq|sept|huit|neuf", "zero|deux|trois|quatre|cinq|sept|huit|neuf|un|six"),
    /* pt */ WORDS("zero|dois|quatro|cinco|seis|sete|oito|nove", "zero|dois|quatro|cinco|seis|sete|oito|nove|um|tres"),
    /* it */ WORDS("zero|quattro|cinque|sette|otto|nove", "zero|quattro|cinque|sette|otto|nove|uno|due|tre|sei"),
    /* nl */ WORDS("twee|drie|vier|vijf|zeven|acht|negen", "twee|drie|vier|vijf|zeven|acht|negen|nul|een|zes"),
    /* pl */ WORDS("zero|jeden|trzy|cztery|piec|szesc|siedem|osiem|dziewiec", "zero|jeden|trzy|cztery|piec|szesc|siedem|osiem|dziewiec|dwa"),
    /* tr */ WORDS("sifir|dort|alti|yedi|sekiz|dokuz", "sifir|dort|alti|yedi|sekiz|dokuz|bir|iki|uc|bes"),
    /* id */ WORDS("satu|tiga|empat|lima|enam|tujuh|delapan|sembilan", "satu|tiga|empat|lima|enam|tujuh|delapan|sembilan|nol|dua"),
    /* vi */ WORDS("khong| hai bon| hai nam| ba bon| nam sau| sau bay| tam chin| bay tam| mot hai", "khong|mot|hai|ba|bon|nam|sau|bay|tam|chin"),
    /* zh */ WORDS("ling| yao san| yao wu| san ba| ba ling| jiu jiu| liu liu| wu wu| yi san", "ling|yi|er|san|si|wu|liu|qi|ba|jiu|yao"),
    /* ru */ WORDS("ноль|нуль|один|два|три|четыре|пять|шесть|семь|восемь|девять|чотири|вісім|сім", "ноль|нуль|один|два|три|четыре|пять|шесть|семь|восемь|девять|чотири|вісім|сім"),
    /* el */ WORDS("μηδέν|ένα|δύο|τρία|τέσσερα|πέντε|έξι|επτά|εφτά|οκτώ|εννέα|εννιά", "μηδέν|ένα|δύο|τρία|τέσσερα|πέντε|έξι|επτά|εφτά|οκτώ|εννέα|εννιά"),
    /* ar */ WORDS("صفر|واحد|اثنان|اثنين|ثلاثة|أربعة|خمسة|ستة|سبعة|ثمانية|تسعة", "صفر|واحد|اثنان|اثنين|ثلاثة|أربعة|خمسة|ستة|سبعة|ثمانية|تسعة"),
    /* hi */ WORDS("शून्य|एक|दो|तीन|चार|पांच|पाँच|छह|सात|आठ|नौ", "शून्य|एक|दो|तीन|चार|पांच|पाँच|छह|सात|आठ|नौ"),
    /* th */ WORDS("ศูนย์|หนึ่ง|สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า", "ศูนย์|หนึ่ง|สอง|สาม|สี่|ห้า|หก|เจ็ด|แปด|เก้า"),
    /* ja */ WORDS("ゼロ|いち|さん|よん|ろく|なな|はち|きゅう", "ゼロ|いち|さん|よん|ろく|なな|はち|きゅう|に|ご|れい|し"),
    /* clang-format on */

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
    {"@ ?[a-zA-Z0-9-]{1,30} ?(?:点|點|,[a-z]| dot | [.] ?[a-z])", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9] @ ?[a-z0-9]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9]@ [a-z0-9]", SL_HINT_MAIL, 0},
    {"(?i)[a-z0-9]#[a-z0-9-]{2,20}\\.(?:com|cn|net|org)\\b", SL_HINT_MAIL, 0},

    /* text in pieces: markup in words, strings put together */
    {"(?i)[a-z0-9@._+-]</?(?:b|i|u|s|em|a|p|q|strong|span|font|mark|small|big|code|tt|kbd|sub|sup|"
     "wbr|br|ins|del|div|td|th)[ />]",
     SL_HINT_STRIP, 0},
    {"<!--", SL_HINT_STRIP, 0},
    {"\\x1b\\[", SL_HINT_STRIP, 0},
    {"(?i)[0-9a-z]\\*\\*[a-z0-9.@]", SL_HINT_STRIP, 0},
    {"[0-9a-z]~~[a-zA-Z0-9]", SL_HINT_STRIP, 0},
    {"[0-9a-z]``[a-zA-Z0-9]", SL_HINT_STRIP, 0},
    {"[\"'] ?(?:\\+|\\.|&|\\|\\||<<|\\.\\.) ?[\"']", SL_HINT_STRIP, 0},
    {"\"\\s{1,12}\"", SL_HINT_STRIP, 0},
    {"[a-zA-Z0-9@.-]=\\r?\\n", SL_HINT_QP, 0},

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
    sl_hint(c, (sl_hint_kind)p->arg, end - 1);
}

const sl_pattern_list sl_hint_patterns = {hints, sizeof hints / sizeof *hints, on_hint};

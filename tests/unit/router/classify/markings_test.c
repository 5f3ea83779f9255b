/* Document markings in forty languages where documents carry them, and the same words in prose
 * and code. */
#include "router/classify/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static sl_classifier *c;
static sl_arena arena;

static sl_level level_of(const char *text, const char **ret_entity)
{
    sl_level level;
    bool doubt;
    sl_finding *found;
    size_t n;
    sl_arena_reset(&arena);
    sl_classify_begin(c, NULL, NULL, &arena);
    sl_classify_text(c, "text", sl_str_c(text));
    sl_classify_end(c, &level, &doubt, &found, &n);
    *ret_entity = n ? found[0].entity : "";
    return level;
}

/* Every line is at least (or, when at_most is public, no more than) that level. */
static void check(const char *const *lines, size_t n, sl_level least, sl_level most)
{
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const char *entity;
        sl_level level = level_of(lines[i], &entity);
        if (level < least || level > most) {
            print_error("%s (%s): \"%s\"\n", sl_level_name(level), entity, lines[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}
#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const marked[] = {
    "MẬT - kế hoạch quý tới",
    "    Özel\n\nToplantı perşembe günü.",
    "CONFIDENTIAL",
    "Confidential",
    "Confidential: results of Q3",
    "*** CONFIDENTIAL ***",
    "[CONFIDENTIAL]",
    "(Confidential)",
    "# Confidential\n\nPlan for 2025",
    "Acme Corp | Confidential | Page 2 of 10",
    "Page 3 - Confidential",
    "© 2024 Acme Inc. - Internal Use Only",
    "STRICTLY CONFIDENTIAL – do not copy",
    "Classification: Restricted",
    "classification: internal",
    "\"classification\": \"restricted\"",
    "data_classification = \"confidential\"",
    "Sensitivity: Confidential",
    "Security level: Secret",
    "Document marked as confidential.",
    "This document is classified SECRET.",
    "TLP:RED",
    "TLP: AMBER",
    "TLP:AMBER+STRICT",
    "\"tlp\": \"green\"",
    "tlp-red",
    "CUI//SP-PRVCY",
    "CUI",
    "TOP SECRET//SI//NOFORN",
    "SECRET//NOFORN",
    "(S//NF) The convoy",
    "UNCLASSIFIED//FOUO",
    "FOR OFFICIAL USE ONLY",
    "OFFICIAL-SENSITIVE",
    "UK SECRET",
    "NATO RESTRICTED",
    "This e-mail is confidential and intended only for the addressee.",
    "If you are not the intended recipient, please delete this message.",
    "This message may contain confidential or privileged information.",
    "PRIVILEGED AND CONFIDENTIAL",
    "Attorney-Client Privileged Communication",
    "ATTORNEY WORK PRODUCT",
    "Under embargo until 12 March 2025",
    "EMBARGOED UNTIL 10:00 GMT",
    "Subject to NDA",
    "This material is ITAR controlled",
    "Contains PHI - HIPAA protected",
    "HIPAA NOTICE: this file contains protected health information",
    "TRADE SECRET",
    "DRAFT - NOT FOR DISTRIBUTION",
    "Do not distribute\n\nQuarterly numbers",
    "Q3_confidential_draft.docx",
    "summary of Merger_Confidential_v2.pdf please",
    "open 绝密_项目书.docx",
    "C O N F I D E N T I A L",
    "S E C R E T",
    "c-o-n-f-i-d-e-n-t-i-a-l",
    "cOnFiDeNtIaL: plan",
    "Company Confidential",
    "For internal use only",
    "INTERNAL USE ONLY",
    "Internal Only",
    "[Internal] roadmap",
    "Not for public release",
    "密级：机密",
    "密级: 绝密",
    "绝密★启用前",
    "机密★10年",
    "秘密★5年",
    "【机密】并购方案",
    "（内部资料，请勿外传）",
    "内部资料 注意保密",
    "内部文件",
    "本文件为机密文件",
    "本文档属于公司机密，请勿外传",
    "商业秘密，未经授权不得复制",
    "核心商密",
    "仅供内部使用",
    "文件密级为秘密",
    "密級：極機密",
    "機密等級：機密",
    "限閱",
    "內部文件，請勿外傳",
    "社外秘",
    "【社外秘】来期計画",
    "極秘",
    "取扱注意",
    "機密区分：極秘",
    "関係者外秘",
    "대외비",
    "[극비] 계획",
    "보안등급: 기밀",
    "외부 유출 금지",
    "Streng vertraulich",
    "VERTRAULICH",
    "Vertraulich: Quartalszahlen",
    "Einstufung: Geheim",
    "VS-NfD",
    "VS - Nur für den Dienstgebrauch",
    "Nur für den internen Gebrauch",
    "Dieses Dokument ist vertraulich.",
    "Confidentiel",
    "CONFIDENTIEL DÉFENSE",
    "Diffusion restreinte",
    "Très secret",
    "Usage interne uniquement",
    "Ce document est strictement confidentiel",
    "Ne pas diffuser",
    "Confidencial",
    "ESTRICTAMENTE CONFIDENCIAL",
    "Clasificación: Reservado",
    "Solo para uso interno",
    "Prohibida su distribución",
    "Riservato",
    "STRETTAMENTE RISERVATO",
    "Riservato e confidenziale",
    "Ad uso interno",
    "Uso interno",
    "Confidencial - não divulgar",
    "Apenas para uso interno",
    "Classificação: Restrito",
    "Строго конфиденциально",
    "Конфиденциально",
    "Секретно",
    "Гриф: секретно",
    "Совершенно секретно",
    "Для служебного пользования",
    "Коммерческая тайна",
    "Не для распространения",
    "Для внутреннего использования",
    "Таємно",
    "Цілком таємно",
    "Для службового користування",
    "Poufne",
    "ŚCIŚLE TAJNE",
    "Klauzula: Zastrzeżone",
    "Do użytku wewnętrznego",
    "Tajemnica przedsiębiorstwa",
    "Důvěrné",
    "PŘÍSNĚ TAJNÉ",
    "Pouze pro interní potřebu",
    "Szigorúan bizalmas",
    "Bizalmas",
    "Csak belső használatra",
    "Strict confidențial",
    "Confidențial",
    "Doar pentru uz intern",
    "Strogo povjerljivo",
    "Povjerljivo",
    "Zaupno",
    "Gizli",
    "ÇOK GİZLİ",
    "Hizmete özel",
    "Gizlilik derecesi: Gizli",
    "Yalnızca iç kullanım içindir",
    "Vertrouwelijk",
    "STRIKT VERTROUWELIJK",
    "Alleen voor intern gebruik",
    "Konfidentiellt",
    "Hemlig",
    "Endast för internt bruk",
    "Fortroligt",
    "STRENGT FORTROLIG",
    "Kun til intern brug",
    "Luottamuksellinen",
    "Salassa pidettävä",
    "Vain sisäiseen käyttöön",
    "Εμπιστευτικό",
    "ΑΥΣΤΗΡΑ ΕΜΠΙΣΤΕΥΤΙΚΟ",
    "Για εσωτερική χρήση μόνο",
    "سري للغاية",
    "سري",
    "للاستخدام الداخلي فقط",
    "التصنيف: سري",
    "محرمانه",
    "סודי ביותר",
    "סודי",
    "לשימוש פנימי בלבד",
    "סיווג: סודי",
    "गोपनीय",
    "अति गोपनीय",
    "केवल आंतरिक उपयोग के लिए",
    "ลับที่สุด",
    "ลับ",
    "ใช้ภายในเท่านั้น",
    "ชั้นความลับ: ลับมาก",
    "Tuyệt mật",
    "TỐI MẬT",
    "Lưu hành nội bộ",
    "Độ mật: Mật",
    "Rahasia",
    "SANGAT RAHASIA",
    "Hanya untuk penggunaan internal",
    "Terhad",
    "X-Classification: Confidential",
    "Document-Class: Restricted",
    "Status: CONFIDENTIAL",
    "Footer: Confidential – property of Acme",
    "From: a\nSubject: [CONFIDENTIAL] merger\n",
    "<classification>Secret</classification>",
    "<!-- Confidential -->",
    "// CONFIDENTIAL - Acme internal source",
    "/* Proprietary and confidential */",
    "# INTERNAL ONLY",
    "**Confidential**",
    "_Confidential_",
    "> Confidential",
    "Level 3 - Restricted",
    "Sensitivity label: Highly Confidential",
    "This presentation is proprietary to Acme",
    "The attached is confidential.",
    "Treat as confidential",
    "Please treat this as strictly confidential",
};

static const char *const innocent[] = {
    "The secret garden is a novel",
    "Summarise The Secret Garden",
    "《秘密花园》讲了什么",
    "秘密花园",
    "机密计算是什么",
    "机密计算的原理和应用",
    "保守秘密是美德",
    "她告诉我一个秘密",
    "top secret recipe for apple pie",
    "My grandmother's top secret recipe",
    "a confidential informant in the novel",
    "confidential computing on GPUs",
    "Confidential computing explained",
    "Confidentiality agreement template please",
    "Write a confidentiality agreement",
    "What does confidential mean?",
    "Translate \"confidential\" into French",
    "client_secret",
    "const client_secret = getSecret();",
    "export CLIENT_SECRET",
    "SECRET_KEY",
    "the SECRET variable",
    "INTERNAL SERVER ERROR",
    "500 Internal Server Error",
    "internal static class Foo",
    "internal combustion engine",
    "Internal combustion engines",
    "internal fun foo()",
    "restricted Boltzmann machine",
    "Restricted stock units explained",
    "private void run()",
    "private static final int X = 1;",
    "Private equity basics",
    "public class Secret { }",
    "class Secret:",
    "secret = 5",
    "Secret Santa rules",
    "Victoria's Secret",
    "The Secret History by Donna Tartt",
    "open secret in Hollywood",
    "proprietary software vs open source",
    "Proprietary software",
    "protected void onCreate()",
    "Protected areas in Brazil",
    "sensitive skin care",
    "Sensitive plants",
    "classified ads",
    "Classified ads website design",
    "work product team",
    "trade secret law overview",
    "What is a trade secret?",
    "The embargo on Cuba",
    "embargo history of Cuba",
    "What is an NDA?",
    "Do not share your password with anyone",
    "do not copy and paste",
    "Please do not distribute the handout late",
    "draft a letter to my landlord",
    "need to know more about Python",
    "I need to know how to cook rice",
    "For internal linking in SEO, use anchors",
    "internal links",
    "内部类是什么",
    "Java内部类",
    "内部控制审计",
    "公司内部培训怎么做",
    "商业秘密保护法律有哪些",
    "保密协议怎么写",
    "写一份保密协议",
    "秘密客户调查",
    "国家秘密的定义",
    "公开资料",
    "敏感皮肤护理",
    "ひみつの花園",
    "秘密の花園について教えて",
    "機密コンピューティングとは",
    "非公開メソッド",
    "社内報の書き方",
    "비밀의 화원 줄거리",
    "비밀번호 변경 방법",
    "기밀 컴퓨팅이란",
    "제한 시간 계산",
    "Was bedeutet vertraulich?",
    "Das Geheimnis der Familie",
    "Geheimnisse der Natur",
    "ein geheimer Ort im Wald",
    "interne Kommunikation verbessern",
    "internationale Politik",
    "Le jardin secret",
    "un secret de famille",
    "le secret professionnel des avocats",
    "la médecine interne",
    "confidences pour confidences",
    "El jardín secreto",
    "un lugar secreto",
    "el reservado del restaurante",
    "conflicto interno",
    "Il giardino segreto",
    "tavolo riservato per due",
    "l'angolo interno del triangolo",
    "um segredo bem guardado",
    "O jardim secreto",
    "ambiente interno",
    "Таинственный сад",
    "секретный рецепт борща",
    "внутренний угол треугольника",
    "внутренний мир героя",
    "секретно сообщил он",
    "tajemniczy ogród",
    "tajny agent w filmie",
    "důvěrný přítel",
    "titkos kert",
    "grădina secretă",
    "gizli bahçe kitabı",
    "gizli değişken nedir",
    "geheime tuin",
    "een intern conflict",
    "den hemliga trädgården",
    "hemmelige rom",
    "salainen puutarha",
    "ο μυστικός κήπος",
    "الحديقة السرية",
    "الحرية",
    "הגן הסודי",
    "गुप्त काल का इतिहास",
    "गुप्त साम्राज्य",
    "กลับบ้าน",
    "ลับมีด",
    "sự thật bí mật",
    "khu vườn bí mật",
    "bảo mật thông tin là gì",
    "nội bộ công ty vui vẻ",
    "taman rahasia",
    "rahasia umum",
    "terbatas waktu",
    "security question",
    "What are secrets in Kubernetes?",
    "kubectl get secrets",
    "kubectl create secret generic foo",
    "AWS Secrets Manager",
    "kind: Deployment",
    "visibility: private",
    "\"visibility\": \"private\"",
    "\"scope\": \"internal\"",
    "\"type\": \"secret\"",
    "access: restricted",
    "protected mode",
    "status: internal error",
    "type: internal",
    "span.kind: internal",
    "log level: internal",
    "[internal] cache miss",
    "d[secret]",
    "hash(secret)",
    "f\"{secret}\"",
    "<secret>",
    "Secrets of the universe",
    "Is the information confidential under GDPR?",
    "HIPAA compliance checklist",
    "What is HIPAA?",
    "ITAR regulations summary",
    "phi is the golden ratio",
    "PHI = 1.618",
    "PII detection in Python",
    "cui bono",
    "Explain TLP in simple terms",
    "tulip red",
    "eyes only for you",
    "company culture",
    "official use of language",
    "OFFICIAL website",
    "The UK Official Secrets Act",
    "sealed with a kiss - secret love",
};

/* The level is the marking's. */
static const struct {
    const char *text;
    sl_level level;
} levels[] = {
    {"TLP:RED", SL_LEVEL_RESTRICTED},       {"TLP:AMBER+STRICT", SL_LEVEL_CONFIDENTIAL},
    {"TLP:GREEN", SL_LEVEL_INTERNAL},       {"TLP:CLEAR", SL_LEVEL_PUBLIC},
    {"TLP:WHITE", SL_LEVEL_PUBLIC},         {"Classification: Public", SL_LEVEL_PUBLIC},
    {"密级：公开", SL_LEVEL_PUBLIC},        {"TOP SECRET", SL_LEVEL_RESTRICTED},
    {"【绝密】", SL_LEVEL_RESTRICTED},      {"【机密】", SL_LEVEL_CONFIDENTIAL},
    {"【内部资料】", SL_LEVEL_INTERNAL},    {"Streng geheim", SL_LEVEL_RESTRICTED},
    {"VERTRAULICH", SL_LEVEL_CONFIDENTIAL}, {"Nur für den internen Gebrauch", SL_LEVEL_INTERNAL},
    {"社外秘", SL_LEVEL_CONFIDENTIAL},      {"Internal use only", SL_LEVEL_INTERNAL},
};

static void test_marked(void **state)
{
    check(marked, COUNT(marked), SL_LEVEL_INTERNAL, SL_LEVEL_RESTRICTED);
}

static void test_innocent(void **state)
{
    check(innocent, COUNT(innocent), SL_LEVEL_PUBLIC, SL_LEVEL_PUBLIC);
}

static void test_levels(void **state)
{
    for (size_t i = 0; i < COUNT(levels); i++)
        check(&levels[i].text, 1, levels[i].level, levels[i].level);
}

/* The words of the table behind a label and alone in brackets: each is found there. */
static const char *const words[] = {
#define M(words, level, place) words,
#define A(expr, level)
#include "router/classify/markings_words.def"
#undef M
#undef A
};

/* Long texts take another way through the matcher than short ones. */
#define LONG                                                                                   \
    "The committee met on Tuesday to discuss how the library could stay open later in the "    \
    "evening. Several members asked whether volunteers might help, and the chair promised to " \
    "write a short plan before the next meeting. "

static void test_words(void **state)
{
    int wrong = 0;
    for (size_t i = 0; i < COUNT(words); i++) {
        static const char *const forms[] = {"Classification: %s\nThe board meets on Thursday.",
                                            "密级：%s\n董事会周四开会。", "【%s】\nplan",
                                            LONG "\nClassification: %s\n" LONG};
        for (size_t f = 0; f < COUNT(forms); f++) {
            char text[1024];
            const char *entity;
            snprintf(text, sizeof text, forms[f], words[i]);
            if (level_of(text, &entity) == SL_LEVEL_PUBLIC && f != 2) {
                print_error("\"%s\"\n", text);
                wrong++;
            }
        }
    }
    assert_int_equal(wrong, 0);
}

static int setup(void **state)
{
    return sl_classifier_open(&c, NULL) == SL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    sl_classifier_free(c);
    sl_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marked),
        cmocka_unit_test(test_innocent),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

"""Languages: their names and codes, and the language of a text, by its script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from pi_runtime.errors import UsageError

AUTO = "auto"
"""Stands for the language of the text."""

UNKNOWN = "und"
"""Begins the code of a language of which nothing is known but the script: `und-gothic`."""

# The first word of a letter's Unicode name, and the language a voice is sought for.
_SCRIPTS = {
    "LATIN": "en",
    "CYRILLIC": "ru",
    "GREEK": "el",
    "CJK": "cmn",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "DEVANAGARI": "hi",
    "ARABIC": "ar",
    "HEBREW": "he",
    "GEORGIAN": "ka",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "SINHALA": "si",
    "THAI": "th",
    "ETHIOPIC": "am",
    "MYANMAR": "my",
    "ORIYA": "or",
    "CHEROKEE": "chr",
    "KHMER": "km",
    "LAO": "lo",
    "TIBETAN": "bo",
    "THAANA": "dv",
    "MONGOLIAN": "mn",
    "CANADIAN": "iu",
    "TIFINAGH": "zgh",
    "SYRIAC": "syr",
}

# Scripts: the languages written in them, each with espeak-ng's code, its name in English, and then
# in Russian and its own, and other codes.
_LANGUAGES = {
    "LATIN": """
        en english английский eng; de german немецкий deutsch deu ger; af afrikaans африкаанс afr;
        fr french французский français francais fra fre; es spanish испанский español espanol spa;
        it italian итальянский italiano ita; pt portuguese португальский português portugues por;
        pl polish польский polski pol; cs czech чешский čeština cestina ces cze cz;
        sk slovak словацкий slovenčina slk slo; sl slovenian словенский slovenščina slv;
        hr croatian хорватский hrvatski hrv; bs bosnian боснийский bosanski bos;
        nl dutch голландский нидерландский nederlands nld dut; sv swedish шведский svenska swe;
        da danish датский dansk dan; nb norwegian норвежский norsk bokmål no nor nob;
        is icelandic исландский íslenska isl ice; fi finnish финский suomi fin;
        et estonian эстонский eesti est; lv latvian латышский latviešu lav;
        lt lithuanian литовский lietuvių lit; hu hungarian венгерский magyar hun;
        ro romanian румынский română romana ron rum; sq albanian албанский shqip sqi alb;
        tr turkish турецкий türkçe turkce tur; az azerbaijani азербайджанский azərbaycan aze;
        uz uzbek узбекский oʻzbek uzb; tk turkmen туркменский türkmen tuk;
        ca catalan каталанский català cat; eu basque баскский euskara eus baq;
        ga irish ирландский gaeilge gle; cy welsh валлийский cymraeg cym wel;
        mt maltese мальтийский malti mlt; la latin латинский латынь latina lat;
        eo esperanto эсперанто epo; an aragonese арагонский arg;
        gd scottish-gaelic шотландский gàidhlig gla; lb luxembourgish люксембургский ltz;
        ltg latgalian латгальский; fo faroese фарерский fao; smj lule-sami луле-саамский;
        kl greenlandic гренландский kal; ht haitian-creole гаитянский hat haitian;
        pap papiamento папьяменто; gn guarani гуарани grn; qu quechua кечуа que; quc kiche киче;
        nci nahuatl науатль; haw hawaiian гавайский; mi maori маори māori mri; tn tswana тсвана tsn;
        om oromo оромо orm; ia interlingua интерлингва ina; io ido идо; jbo lojban ложбан;
        lfn lingua-franca-nova элефен; py pyash пьяш; qya quenya квенья; sjn sindarin синдарин;
        piqd klingon клингонский tlh; qdb lang-belta белтерский belter;
        kaa karakalpak каракалпакский; mto totontepec-mixe михе;
        id indonesian индонезийский indonesia ind; ms malay малайский melayu msa may;
        vi vietnamese вьетнамский việt viet vie;
        sw swahili суахили kiswahili swa""",
    "CYRILLIC": """
        ru russian русский rus; uk ukrainian украинский українська ukr ua;
        be belarusian белорусский беларуская bel; bg bulgarian болгарский български bul;
        mk macedonian македонский македонски mkd mac; kk kazakh казахский қазақ kaz;
        ky kyrgyz киргизский кыргыз kir; tt tatar татарский татар tat; ba bashkir башкирский bak;
        cv chuvash чувашский чӑваш chv;
        nog nogai ногайский; mn mongolian монгольский монгол mon""",
    "CYRILLIC LATIN": "sr serbian сербский српски srpski srp",
    "GREEK": "el greek греческий ελληνικά ell gre gr; grc ancient-greek древнегреческий",
    "CJK": """
        cmn chinese китайский mandarin 中文 普通话 zh zho chi cn; yue cantonese кантонский 粵語""",
    "CJK LATIN": "hak hakka хакка",
    "HIRAGANA KATAKANA CJK": "ja japanese японский 日本語 jpn jp",
    "HANGUL": "ko korean корейский 한국어 kor kr",
    "DEVANAGARI": """
        hi hindi хинди हिन्दी hin; mr marathi маратхи मराठी mar; ne nepali непальский nep;
        kok konkani конкани""",
    "ARABIC": """
        ar arabic арабский العربية ara; fa persian персидский farsi фарси فارسی fas per;
        ur urdu урду اردو urd; ug uyghur уйгурский uig; sd sindhi синдхи snd;
        ps pashto пушту pus""",
    "ARABIC LATIN": "ku kurdish курдский kur",
    "HEBREW": "he hebrew иврит עברית heb iw",
    "GEORGIAN": "ka georgian грузинский ქართული kat geo",
    "ARMENIAN": "hy armenian армянский հայերեն hye arm; hyw western-armenian западноармянский",
    "BENGALI": """
        bn bengali бенгальский বাংলা ben; as assamese ассамский অসমীয়া asm;
        bpy bishnupriya бишнуприя""",
    "TAMIL": "ta tamil тамильский தமிழ் tam",
    "TELUGU": "te telugu телугу తెలుగు tel",
    "KANNADA": "kn kannada каннада ಕನ್ನಡ kan",
    "MALAYALAM": "ml malayalam малаялам മലയാളം mal",
    "GUJARATI": "gu gujarati гуджарати ગુજરાતી guj",
    "GURMUKHI": "pa punjabi панджаби ਪੰਜਾਬੀ pan",
    "ORIYA": "or odia ория oriya ori",
    "SINHALA": "si sinhala сингальский සිංහල sin",
    "THAI": "th thai тайский ไทย tha",
    "LAO": "lo lao лаосский ລາວ",
    "KHMER": "km khmer кхмерский ខ្មែរ khm",
    "MYANMAR": "my burmese бирманский မြန်မာ mya bur; shn shan шанский",
    "TIBETAN": "bo tibetan тибетский bod tib",
    "ETHIOPIC": "am amharic амхарский አማርኛ amh; ti tigrinya тигринья tir",
    "CHEROKEE": "chr cherokee чероки",
    "THAANA": "dv maldivian мальдивский dhivehi div",
    "CANADIAN": "iu inuktitut инуктитут iku",
    "TIFINAGH": "zgh tamazight тамазигхт",
    "SYRIAC": "syr syriac сирийский",
}
UNSPOKEN = frozenset({"bo", "dv", "iu", "km", "lo", "mn", "ps", "syr", "zgh"})
"""Languages that are known by their scripts and names alone: no engine has a voice."""

_NAMES: dict[str, str] = {}
"""Codes by name, in lower case."""
_ENGLISH: dict[str, str] = {}
"""English names by code."""
_SCRIPTS_OF: dict[str, frozenset[str]] = {
    code: frozenset([script]) for script, code in _SCRIPTS.items()
}
"""Scripts by code."""
for _scripts, _table in _LANGUAGES.items():
    for _names in map(str.split, _table.split(";")):
        _NAMES |= dict.fromkeys(_names, _names[0])
        _ENGLISH[_names[0]] = _names[1].title()
        _SCRIPTS_OF[_names[0]] = frozenset(_scripts.split())


def language_of(text: Iterable[str], default: str = "en") -> str:
    """Return the language of a text, or of a vocabulary's tokens, by its most common script."""
    counts: Counter[str] = Counter()
    for token in text:
        counts.update(map(script_of, filter(str.isalpha, token)))
    del counts[""]
    if not counts:
        return default
    script = counts.most_common(1)[0][0]
    return _SCRIPTS.get(script) or f"{UNKNOWN}-{script.lower()}"


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str:
    """Return the script of a letter or mark, as Unicode names it; "" for one that scripts share.

    >>> script_of("д"), script_of("ａ"), script_of("ー")
    ('CYRILLIC', 'LATIN', '')
    """
    script = unicodedata.name(letter, "").partition(" ")[0]
    if script not in _SCRIPTS:  # a variant, such as a mathematical or a full-width one?
        plain = unicodedata.normalize("NFKC", letter)[0]
        script = unicodedata.name(plain, "").partition(" ")[0]
    if script not in _SCRIPTS and (unicodedata.category(letter) == "Lm" or script == "COMBINING"):
        return ""
    return script


def scripts_of(language: str) -> frozenset[str]:
    """Return the scripts that a language is written in; none, if that is not known here.

    >>> sorted(scripts_of("sr-latn"))
    ['CYRILLIC', 'LATIN']
    """
    return _SCRIPTS_OF.get(base_of(language), frozenset())


def language_code(language: str, parameter: str = "language") -> str:
    """Return the code of a language that is given by a code or by a name, in any case.

    Names are English, Russian and, for some, the language's own. A code that is not known here is
    taken as it is, since an engine may have a voice for it.

    >>> language_code("Russian"), language_code("русский"), language_code("pt_BR")
    ('ru', 'ru', 'pt-br')

    Raises:
        UsageError: it is neither; the message names `parameter` and the nearest language.
    """
    name = re.sub(r"[\s_]+", "-", language.partition(".")[0].strip().lower())
    if name in _NAMES:
        return _NAMES[name]
    base, _, region = name.partition("-")
    known = _NAMES.get(base, base)
    if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", name):
        return f"{base}-{region}" if region and known == base else known
    from difflib import get_close_matches

    # A code is near to too many others.
    near = get_close_matches(name, [each for each in _NAMES if len(each) > 3], 1, 0.65)
    hint = f", did you mean {near[0]}?" if near else ""
    raise UsageError(
        f"{parameter} is {language!r}{hint}", "give a language such as en, ru, german or русский"
    )


def language_name(code: str) -> str:
    """Return a language's English name; its code, if it is not known here."""
    base, _, rest = code.partition("-")
    return rest.title() if base == UNKNOWN else _ENGLISH.get(base, code)


def base_of(code: str) -> str:
    """Return a language's code without the region.

    >>> base_of("pt-br")
    'pt'
    """
    return code.partition("-")[0]


def share_a_script(one: str, other: str) -> bool:
    """Return whether two languages are written in the same letters, as far as is known here.

    >>> share_a_script("de", "en"), share_a_script("en", "ru"), share_a_script("ru", "uk")
    (True, False, True)
    """
    scripts = [scripts_of(code) for code in (one, other)]
    return not all(scripts) or bool(scripts[0] & scripts[1])

"""Languages: their names and codes, and the language of a text, by its script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from pi_runtime.errors import UsageError

AUTO = "auto"
"""Stands for the language of the text."""

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
        eo esperanto эсперанто epo; id indonesian индонезийский indonesia ind;
        ms malay малайский melayu msa may; vi vietnamese вьетнамский việt viet vie;
        sw swahili суахили kiswahili swa""",
    "CYRILLIC": """
        ru russian русский rus; uk ukrainian украинский українська ukr ua;
        be belarusian белорусский беларуская bel; bg bulgarian болгарский български bul;
        mk macedonian македонский македонски mkd mac; kk kazakh казахский қазақ kaz;
        ky kyrgyz киргизский кыргыз kir; tt tatar татарский татар tat; ba bashkir башкирский bak;
        cv chuvash чувашский чӑваш chv; mn mongolian монгольский монгол mon""",
    "CYRILLIC LATIN": "sr serbian сербский српски srpski srp",
    "GREEK": "el greek греческий ελληνικά ell gre gr; grc ancient-greek древнегреческий",
    "CJK": """
        cmn chinese китайский mandarin 中文 普通话 zh zho chi cn; yue cantonese кантонский 粵語""",
    "HIRAGANA KATAKANA CJK": "ja japanese японский 日本語 jpn jp",
    "HANGUL": "ko korean корейский 한국어 kor kr",
    "DEVANAGARI": """
        hi hindi хинди हिन्दी hin; mr marathi маратхи मराठी mar; ne nepali непальский nep""",
    "ARABIC": """
        ar arabic арабский العربية ara; fa persian персидский farsi фарси فارسی fas per;
        ur urdu урду اردو urd; ug uyghur уйгурский uig; ku kurdish курдский kur""",
    "HEBREW": "he hebrew иврит עברית heb iw",
    "GEORGIAN": "ka georgian грузинский ქართული kat geo",
    "ARMENIAN": "hy armenian армянский հայերեն hye arm",
    "BENGALI": "bn bengali бенгальский বাংলা ben",
    "TAMIL": "ta tamil тамильский தமிழ் tam",
    "TELUGU": "te telugu телугу తెలుగు tel",
    "THAI": "th thai тайский ไทย tha",
}
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
        for letter in filter(str.isalpha, token):
            script = unicodedata.name(letter, "").partition(" ")[0]
            if script in _SCRIPTS:
                counts[_SCRIPTS[script]] += 1
    return counts.most_common(1)[0][0] if counts else default


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
    return _ENGLISH.get(base_of(code), code)


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
    scripts = [_SCRIPTS_OF.get(base_of(code)) for code in (one, other)]
    return None in scripts or bool(scripts[0] & scripts[1])  # type: ignore[operator]

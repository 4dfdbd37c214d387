"""The language of an item: the declared one, or the guess of py3langid if it is sure."""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from recs.items import Item

_log = logging.getLogger(__name__)

_SHORTEST = 200  # characters; in a shorter text a guess is unreliable
_LONGEST = 1500  # characters; more text does not improve a guess
_SURE = 0.99

# The codes of ISO 639-1. For the most common languages also the three-letter codes, English names and withdrawn codes.
_LANGUAGES = """
aa,ab,ae,af,ak,am,an,ar ara arabic,as,av,ay,az,ba,be,bg bul bulgarian,bh,bi,bm,bn ben bengali,
bo,br,bs,ca cat catalan,ce,ch,co,cr,cs ces cze czech,cu,cv,cy,da dan danish,de deu ger german deutsch,
dv,dz,ee,el ell gre greek,en eng english,eo,es spa spanish castilian,et est estonian,eu eus baq basque,
fa fas per persian farsi,ff,fi fin finnish,fj,fo,fr fra fre french,fy,ga,gd,gl,gn,gu,gv,ha,
he heb hebrew iw,hi hin hindi,ho,hr hrv croatian,ht,hu hun hungarian,hy,hz,ia,id ind indonesian in,ie,
ig,ii,ik,io,is,it ita italian,iu,ja jpn japanese jp,jv,ka,kg,ki,kj,kk,kl,km,kn,ko kor korean,kr,
ks,ku,kv,kw,ky,la,lb,lg,li,ln,lo,lt lit lithuanian,lu,lv lav latvian,mg,mh,mi,mk,ml,mn,mr,
ms msa may malay,mt,my,na,nb,nd,ne,ng,nl nld dut dutch,nn,no nor norwegian,nr,nv,ny,oc,oj,om,or,
os,pa,pi,pl pol polish,ps,pt por portuguese,qu,rm,rn,ro ron rum romanian,ru rus russian,rw,sa,sc,sd,
se,sg,sh,si,sk slk slo slovak,sl slv slovenian,sm,sn,so,sq,sr srp serbian,ss,st,su,sv swe swedish,
sw swa swahili,ta tam tamil,te tel telugu,tg,th tha thai,ti,tk,tl,tn,to,tr tur turkish,ts,tt,tw,ty,
ug,uk ukr ukrainian,ur urd urdu,uz,ve,vi vie vietnamese,vo,wa,wo,xh,yi yid yiddish ji,yo,za,
zh zho chi chinese mandarin cn,zu
"""
_CODES = {name: names.split()[0] for names in _LANGUAGES.split(",") for name in names.split()}

LANGUAGES = frozenset(_CODES.values())
"""The codes of ISO 639-1, with the withdrawn code sh."""

# A guess is stored as one byte: the position of its code in this list, from 1, or 0 for no guess.
_LISTED = sorted(LANGUAGES)
_RECORD_OF = {code: bytes([place]) for place, code in enumerate(_LISTED, 1)}
_CODE_OF = {record: code for code, record in _RECORD_OF.items()}
_NONE = bytes([0])
# Change this if the list or the meaning of a record changes, so that older records are not read.
_VERSION = "language/2"


def primary_language(code: str | None) -> str | None:
    """Return the ISO 639-1 code for a language code or an English name.

    None for any other string: an item with a language code of its own would match no other item.

    Examples
    --------
    >>> [primary_language(code) for code in ("pt-BR", "por", "Portuguese", "klingon")]
    ['pt', 'pt', 'pt', None]
    """
    first_word = re.match(r"[a-z]+", (code or "").strip().lower())
    return _CODES.get(first_word[0]) if first_word else None


def language_name(code: str) -> str | None:
    """Return the English name of a language by its ISO 639-1 code, if it is one of the most common.

    Examples
    --------
    >>> language_name("de"), language_name("zu")
    ('German', None)
    """
    names = [name for name, of_code in _CODES.items() if of_code == code and len(name) > 3]
    return names[0].capitalize() if names else None


class Records(Protocol):
    """A store of short records by key, which keeps guesses between runs."""

    def get_chunks(self, keys: Sequence[bytes], /) -> Mapping[bytes, bytes]: ...

    def put_chunks(self, records: Mapping[bytes, bytes], /) -> None: ...


def item_languages(items: Sequence[Item], store: Records | None = None) -> list[str | None]:
    """Return the language of each item: the declared one, or a guess that is sure; None without either.

    Cost: about a millisecond for each item that has no declared language and is not in `store`, and a second to load
    the model that guesses.

    Examples
    --------
    >>> item_languages([Item(id="a", text="Ajo", lang="es-MX"), Item(id="b", text="too short for a guess")])
    ['es', None]
    """
    languages = [primary_language(item.lang) for item in items]
    undeclared = [i for i, language in enumerate(languages) if language is None and len(items[i].text) >= _SHORTEST]
    samples = {i: items[i].text[:_LONGEST] for i in undeclared}
    keys = {i: _record_key(sample) for i, sample in samples.items()}
    records = dict(store.get_chunks(list(keys.values()))) if store is not None else {}
    new_records: dict[bytes, bytes] = {}
    for i, sample in samples.items():
        key = keys[i]
        if key not in records:
            try:
                records[key] = new_records[key] = _RECORD_OF.get(_guess(sample), _NONE)
            except OSError as error:  # py3langid unpacks its tables into a temporary file
                _log.warning("languages cannot be guessed: %s", error)
                break
        languages[i] = _CODE_OF.get(records[key])
    if store is not None and new_records:
        store.put_chunks(new_records)
    return languages


def _record_key(sample: str) -> bytes:
    return hashlib.sha256(f"{_VERSION}\n{sample}".encode("utf-8", "replace")).digest()[:20]


def uncovered_note(languages: Iterable[str | None], covered: Sequence[str], model: str) -> str | None:
    """Return a note on the languages of a collection that a model was not trained for; None if there are none.

    Examples
    --------
    >>> uncovered_note(["en", "de", "de"], ["en"], "demo")[:71]
    "demo was trained for en; these items are in other languages: 2 in 'de'."
    """
    foreign = Counter(language for language in languages if language and language not in covered)
    if not covered or not foreign:
        return None
    most = sorted(foreign.items(), key=lambda pair: (-pair[1], pair[0]))
    listed = ", ".join(f"{count} in {language!r}" for language, count in most)
    advice = (
        "Its vectors of them say little: choose --model multilingual-e5-small-4bit (the extra multilingual); "
        "for search and related lists, --signals terms does well too."
    )
    return f"{model} was trained for {', '.join(covered)}; these items are in other languages: {listed}. {advice}"


def _guess(sample: str) -> str:
    language, probability = _identifier().classify(sample)
    return str(language) if probability >= _SURE and len(str(language)) == 2 else ""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

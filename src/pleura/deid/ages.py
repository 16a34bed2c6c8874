"""Patterns of ages over 89 as people write them, for text in plain lower case (`folding.plain`)."""

from pleura.deid.folding import plain

_AGE = r"0?(?:9\d|1[01]\d)(?:[.,]\d)?"
_UNITS = (
    r"years?(?: ?olds?)?|y(?:ea)?rs?|y/o|y\.? ?o\.?|y-o|jahren?|jahr\.|jahrige?[mnrs]?|"
    r"lebensjahr|ans|anos|anys|anni|(?:de )?ani|jaar|jarige|godina|rokov|tuoi|tahun|"
    r"let|lety|roku|lat|lata|letni[aey]?|лет|года?|-?летн\w{1,4}|рок[иі]в?|років|ετων|χρονων|"
    r"yas|yasinda|eves(?:en)?|vuotias|vuotta|ars?|arig[aet]?|aring|ปี|سنه|عاما|سال|ساله|"
    r"שנים|שנה|वर्ष|साल"
)
_UNITS_WITHOUT_SPACES = "歳|周岁|周歲|才|岁|歲|세|살"
_BEFORE = (
    r"aged?|alters?|agee?s?|edad|edat|varsta|tuoi|umur|usia|eta|idade|idoso|leeftijd|wiek|vek|"
    r"alder|ika|yas|eletkor|возраст|вік|ηλικια|ηλικίας|العمر|عمر|עמר|גיל|בן|בת|อายุ|आयु|उम्र"
)
_BEFORE_WITHOUT_SPACES = "年齢|年龄|年齡|나이|연령"
_BETWEEN = (
    r"[\W_]{0,4}+(?:(?:of|von|de|di|is|ist|in years|years|yrs|y|"
    r"at \w{1,12}+(?: of \w{1,12}+)?)[\W_]{0,4}+)?"
)


AGES = (
    rf"(?<![\d.,]){_AGE}[ _-]{{0,2}}+(?:{plain(_UNITS)})(?![^\W\d_])",
    rf"(?<![\d.,]){_AGE}[ _-]{{0,2}}+(?:{_UNITS_WITHOUT_SPACES})",
    # 90Y is yttrium
    r"(?<![\d.,])0?(?:9[1-9]|1[01]\d|90[.,]\d)(?:[.,]\d)?y(?![^\W\d_])|(?<!\d)090y",
    rf"(?<![^\W_])(?:{plain(_BEFORE)})(?![^\W\d_]){_BETWEEN}{_AGE}(?!\d|[.,]\d)",
    rf"(?:{_BEFORE_WITHOUT_SPACES})[\W_]{{0,4}}+{_AGE}(?!\d|[.,]\d)",
)
"""An age from 90 on, before a word for years or behind a word for age."""

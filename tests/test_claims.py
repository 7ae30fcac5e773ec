"""What no text of gaitpi may claim, looked for in all that a user can read.

The list is of the product survey: no diagnosis and no prevention, no load on the spine, no loading
rate, no good or bad posture, no 180 steps a minute for everybody, no comparison with other
runners, no curve of the lumbar spine, and nobody is told to run on. What a text means only its
reader can judge; this is a net with small holes: whatever has such words is red until somebody has
looked at it and given the reason in ``ALLOWED``.

Looked at are all strings in the syntax trees of the package but docstrings, which no user meets,
with the parts of f-strings and of sums in one; its other files of text, what a package index and
systemd show, the drawings; README, CHANGELOG and docs. What stands in pieces in the code of the
reports is looked at as the page has it (tests/review/report/test_pages.py).
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[1]
_BODY: Final = r"(?:spine|spinal|lumbar|vertebra\w*|dis[ck]s?|back|joints?|knees?|tissues?)"

CLAIMS: Final = {
    "diagnosis": r"\bdiagnos\w*|\bsymptom\w*|\bpatholog\w*|\bsuffer(?:s|ing)? from\b",
    "injury": r"\binjur\w*",
    "prevention": r"\bprevent(?!Default)\w*|\bprophyla\w*"
    r"|\b(?:lowers?|reduces?|cuts?|less) (?:your |the )?risk",
    "cure": r"\b(?:cures?|heals?|treats?|treatment|therap\w+|pain[- ]?free|relie[fv]\w*)\b",
    "load on a body part": rf"\b{_BODY}[- ](?:load|compression|stress|shear|strain|impact)\w*"
    rf"|\b(?:load|compression|stress|shear|strain) (?:on|in|of) (?:your |the )?{_BODY}\b",
    "loading rate": r"\bloading[- ]rates?\b|\bVILR\b|\bAVLR\b|\bimpact loading\b",
    "posture": r"\bposture\w*"
    r"|\b(?:good|bad|poor|proper|correct|perfect|ideal|better|worse)(?: \w+)? form\b",
    "180": r"\b180[ -]?(?:spm|steps?)\b|\bcadence (?:of |is )?180\b",
    "other runners": r"\bpercentile\w*|\b(?:other|most|elite|average|typical|many) runners\b"
    r"|\bpopulation\b|\bnorms?\b|\bnormative\b|\brank(?:ed|ing)?\b",
    "lumbar curve": r"\blordo\w*|\bkypho\w*|\blumbar\b|\b(?:spine|spinal|back) (?:curve|curvature)",
    "run on": r"\bkeep (?:on )?(?:going|running)\b|\b(?:run|push|train) through\b"
    r"|\bno need to stop\b|\bsafe to (?:run|go)\b|\brun as (?:planned|usual)\b",
    "spine": r"\bspin(?:e|al)\b",
}


class Found(NamedTuple):
    """A string, or a line of a text, with a claim in it."""

    place: str
    claim: str
    text: str


_NO_DIAGNOSIS: Final = "says that there is none"
_NO_POSTURE: Final = "says that lean is none"
_NO_SPINE: Final = "says that the spine is not measured"
_STUDY: Final = "what a study found of many, and that it is not said of the reader"
_LIMITS: Final = "the list of what the report leaves out, and why"

ALLOWED: Final[dict[tuple[str, str, str], str]] = {
    ("README.md", "diagnosis", "It does not diagnose"): _NO_DIAGNOSIS,
    ("docs/journal.md", "diagnosis", "it does not diagnose"): _NO_DIAGNOSIS,
    ("docs/journal.md", "diagnosis", "no diagnosis and no promise"): "the list of what is not said",
    ("docs/journal.md", "injury", "a fall or another injury"): (
        "a reason to see a clinician, the same for everybody"
    ),
    ("docs/report.md", "diagnosis", "It does not diagnose"): _NO_DIAGNOSIS,
    ("gaitpi/cli/report.py", "diagnosis", "does not diagnose"): _NO_DIAGNOSIS,
    ("gaitpi/journal/texts.py", "diagnosis", "it does not diagnose"): _NO_DIAGNOSIS,
    ("gaitpi/review/report/page.py", "diagnosis", "it does not diagnose"): _NO_DIAGNOSIS,
    ("docs/algorithms.md", "diagnosis", "Gait analysis: normal and"): "the title of a book",
    ("gaitpi/journal/texts.py", "injury", "pain after a fall or another injury"): (
        "a reason to see a clinician, the same for everybody"
    ),
    ("gaitpi/journal/texts.py", "injury", "5,205 runners: injuries were"): _STUDY,
    ("docs/back.md", "injury", "5,205 runners"): _STUDY,
    ("docs/guide.md", "injury", "5,205 runners: injuries were"): _STUDY,
    ("README.md", "posture", "not a judgement of posture"): _NO_POSTURE,
    ("docs/guide.md", "posture", "no angle of a good posture"): _NO_POSTURE,
    ("docs/architecture.md", "posture", "a change and no posture"): _NO_POSTURE,
    ("docs/algorithms.md", "posture", "Postures are smaller"): "how the runner holds himself",
    ("docs/algorithms.md", "posture", "passes for a posture"): "how the runner holds himself",
    ("docs/programme.md", "posture", "treats nothing, prevents nothing"): (
        "what is learned; that it is no treatment stands beside it"
    ),
    ("docs/programme.md", "cure", "treats nothing, prevents nothing"): "says that it does not",
    (
        "docs/programme.md",
        "prevention",
        "treats nothing, prevents nothing",
    ): "says that it does not",
    ("docs/wiring.md", "cure", "Strain relief at both ends"): "of a wire",
    ("gaitpi/review/report/physio.py", "posture", "A change, no posture"): _NO_POSTURE,
    ("gaitpi/review/report/physio.py", "posture", "No loading rate, no spine load"): _LIMITS,
    ("gaitpi/review/report/physio.py", "loading rate", "No loading rate, no spine"): _LIMITS,
    ("gaitpi/review/report/physio.py", "load on a body part", "No loading rate, no"): _LIMITS,
    ("gaitpi/review/report/physio.py", "spine", "No loading rate, no spine load"): _LIMITS,
    ("gaitpi/review/report/physio.py", "spine", "says nothing of the curve of"): _NO_SPINE,
    ("gaitpi/review/report/runpage.py", "posture", "not the posture of the spine"): _NO_POSTURE,
    ("gaitpi/review/report/runpage.py", "posture", "a change and no posture"): _NO_POSTURE,
    ("gaitpi/review/report/runpage.py", "spine", "not the posture of the spine"): _NO_SPINE,
    ("gaitpi/review/report/runpage.py", "spine", "not the curve of the spine"): _NO_SPINE,
}
"""(file, claim, words in the string) -> why it may stand there."""


def strings(source: str) -> Iterator[str]:
    """Every string of a module but docstrings, f-strings with {} for what is put in."""
    tree = ast.parse(source)
    sums = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    yield from (text for node in sums if (text := _sum(node)) is not None)
    documenting: set[int] = set()
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documenting.add(id(node.value))  # a docstring, or one below a constant
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
    left_out = documenting | inside
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in left_out:
                continue
            yield node.value


def _sum(node: ast.AST) -> str | None:
    """Text put together with ``+`` as it is read, {} for what is no string; None for no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
        return None
    parts = [_sum(node.left), _sum(node.right)]
    return None if parts == [None, None] else "".join(p or "{}" for p in parts)


def claims(text: str) -> Iterator[str]:
    """Names of the claims that a text may make; the name of a periodical makes none."""
    text = re.sub(r"Gait (?:& )?Posture\b", "", text)
    for name, pattern in CLAIMS.items():
        if re.search(pattern, text, re.IGNORECASE):
            yield name


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    """(file, string or paragraph) of all that a user can read."""
    return tuple(_read())


def _read() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "gaitpi").rglob("*")):
        place = str(path.relative_to(ROOT))
        if path.suffix == ".py":
            for text in strings(path.read_text(encoding="utf-8")):
                yield place, text
        elif path.suffix in (".js", ".css", ".sql", ".toml", ".html"):
            for line in path.read_text(encoding="utf-8").splitlines():
                yield place, line
    beside = (
        ROOT / "pyproject.toml",
        *(ROOT / "systemd").glob("*"),
        *(ROOT / "docs").glob("*.svg"),
    )
    for path in sorted(beside):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield str(path.relative_to(ROOT)), line
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))):
        # a sentence may be broken over lines
        for paragraph in re.split(r"\n\s*\n|\n(?=[-*|#])", path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), " ".join(paragraph.split())


def found_in(texts: Iterable[tuple[str, str]]) -> list[Found]:
    """What is red: claims that nobody has allowed."""
    return [
        Found(place, claim, text)
        for place, text in texts
        for claim in claims(text)
        if not any((p, c) == (place, claim) and words in text for p, c, words in ALLOWED)
    ]


def test_no_text_makes_a_claim() -> None:
    red = found_in(_texts())
    told = [f"{one.place}: {one.claim}: {one.text[:300]!r}" for one in red]
    assert not red, "reword it, or give a reason in ALLOWED:\n" + "\n".join(told)


def test_every_exception_is_used() -> None:
    """Words that stand nowhere any more would let others in."""
    texts = _texts()
    unused = [
        (place, claim, words)
        for place, claim, words in ALLOWED
        if not any(p == place and words in text and claim in claims(text) for p, text in texts)
    ]
    assert not unused
    assert all(reason for reason in ALLOWED.values())


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("This diagnoses your knee.", "diagnosis"),
        ("A symptom of weak hips", "diagnosis"),
        ("fewer injuries", "injury"),
        ("helps to prevent pain", "prevention"),
        ("lowers your risk", "prevention"),
        ("cures the back", "cure"),
        ("run pain-free", "cure"),
        ("spine load 12 kN", "load on a body part"),
        ("the load on your knees", "load on a body part"),
        ("back stress", "load on a body part"),
        ("loading rate 60 BW/s", "loading rate"),
        ("good posture", "posture"),
        ("your form was poor form", "posture"),
        ("keep a good running form", "posture"),
        ("aim for 180 spm", "180"),
        ("180 steps a minute", "180"),
        ("a cadence of 180", "180"),
        ("better than most runners", "other runners"),
        ("in the 80th percentile", "other runners"),
        ("lumbar lordosis", "lumbar curve"),
        ("the curve of your spine", "spine"),
        ("It is fine: keep going!", "run on"),
        ("you can run through it", "run on"),
    ],
)
def test_a_claim_is_found_wherever_it_is_added(text: str, claim: str) -> None:
    module = f"""
def said(level: int) -> str:
    if level:
        return "Level " f"{{level}}. {text}"
    return ("{text.split()[0]} "
            "{" ".join(text.split()[1:])}")
"""
    hits = found_in(("gaitpi/new.py", one) for one in strings(module))
    assert [one.claim for one in hits].count(claim) == 2


def test_a_claim_that_is_put_together_is_found() -> None:
    module = 'said = "The load on the " + ("left " if n else "") + f"back is {n} N"\n'
    module += 'words = "your sp" + "ine"\n'
    hits = found_in(("gaitpi/new.py", one) for one in strings(module))
    assert "spine" in [one.claim for one in hits]
    module = 'said = "It cuts your " + name + " risk" if n else "lowers " + "the risk"\n'
    hits = found_in(("gaitpi/new.py", one) for one in strings(module))
    assert [one.claim for one in hits] == ["prevention"]


def test_docstrings_are_not_for_users_and_ordinary_words_are_no_claims() -> None:
    module = '''
"""A diagnosis."""
LIMIT = 3
"""Injuries."""
def f() -> None:
    """The spine."""
    print("Cadence 172 spm for 180 s, steps 7,101; good: belt steady")
'''
    assert not found_in(("gaitpi/new.py", one) for one in strings(module))
    assert len(list(strings(module))) == 1


def test_the_whole_package_is_looked_at() -> None:
    """So that the test above cannot pass by seeing nothing."""
    texts = _texts()
    assert len(texts) > 5000
    for place, words in (
        ("gaitpi/cli/pain.py", "gaitpi pain 3 lower-left morning"),
        ("gaitpi/journal/texts.py", "See a clinician if there is {}"),
        ("gaitpi/review/report/report.css", "stroke"),
        ("docs/guide.md", "gaitpi"),
        ("README.md", "gaitpi"),
        ("pyproject.toml", "description = "),
        ("systemd/gaitpi.service", "Description="),
        ("docs/terminal.svg", "cadence"),
    ):
        assert any(p == place and words in text for p, text in texts), place

"""The rules of quiet are held by the guards in the code: with any one of them cut out, the judge
of :mod:`tests.coach.oracle` must catch the coach saying something it must not.
"""

import ast
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaitpi.coach import policy
from tests.coach.oracle import judge
from tests.coach.streams import DIRECTED

SOURCE = Path(policy.__file__).read_text(encoding="utf-8")
GUARDS = ("_muted", "_unsure", "_spaced")
"""Methods that name the rule that keeps the coach quiet, one ``if`` a rule."""
CONSTANTS = {"CEILING_S": 0.0, "CEILING_PER_HOUR": 1_000_000, "GATE_MIN_S": 0.0, "APART_S": 0.0}
"""Ceilings, and what they are when somebody takes them away."""


def _rule(node: ast.AST) -> str:
    """The rule that a ``return`` names, empty where it is none."""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        name = node.value.elts[0]
        if isinstance(name, ast.Constant) and str(name.value).startswith("quiet."):
            return str(name.value)
    return ""


def _guards() -> Iterator[tuple[str, int]]:
    """(rule, line of its return) of every guard in the source."""
    for method in ast.walk(ast.parse(SOURCE)):
        if isinstance(method, ast.FunctionDef) and method.name in GUARDS:
            for node in ast.walk(method):
                if isinstance(node, ast.Return) and _rule(node):
                    yield _rule(node), node.lineno


class _Cut(ast.NodeTransformer):
    """Takes a guard out; that for running also wherever else running is asked for."""

    def __init__(self, rule: str, line: int) -> None:
        self._rule, self._line = rule, line

    def visit_If(self, node: ast.If) -> ast.AST:
        """An ``if`` that only returns the rule is never true."""
        if len(node.body) == 1 and self._is_it(node.body[0]):
            node.test = ast.Constant(False)
        return self.generic_visit(node) if node.test.__class__ is not ast.Constant else node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """The return itself says that nothing is in the way."""
        return (
            ast.copy_location(ast.Return(ast.Constant(None)), node) if self._is_it(node) else node
        )

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Everything is running."""
        walking = self._rule == "quiet.activity" and ast.unparse(node).endswith("!= RUNNING")
        return ast.Constant(False) if walking else node

    def _is_it(self, node: ast.AST) -> bool:
        return _rule(node) == self._rule and getattr(node, "lineno", 0) == self._line


def _compiled(tree: ast.Module, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(ast.fix_missing_locations(tree), name, "exec"), vars(module))
    finally:
        del sys.modules[name]
    return module


def _without(rule: str, line: int) -> type[policy.Coach]:
    """The coach without the guard of that line."""
    tree = _Cut(rule, line).visit(ast.parse(SOURCE))
    coach: type[policy.Coach] = _compiled(tree, f"without_line_{line}").Coach
    return coach


def _with(name: str, value: float) -> type[policy.Coach]:
    """The coach with another value of a constant."""
    tree = ast.parse(SOURCE)
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name:
            node.value = ast.Constant(value)
    coach: type[policy.Coach] = _compiled(tree, f"with_{name}").Coach
    return coach


def mutated(old: str, new: str, name: str) -> type[policy.Coach]:
    """The coach with one place of its source changed."""
    assert SOURCE.count(old) == 1, old
    coach: type[policy.Coach] = _compiled(ast.parse(SOURCE.replace(old, new)), name).Coach
    return coach


def _caught(coach: type[policy.Coach], rule: str) -> bool:
    """Whether the judge catches this coach, or it breaks down."""
    for config, stream, day_second in DIRECTED[rule]:
        try:
            judge(coach(config, day_second=day_second), config, stream, day_second)
        except Exception:
            return True
    return False


def test_every_guard_has_a_stream_of_its_own() -> None:
    assert {rule for rule, _ in _guards()} | set(CONSTANTS) == set(DIRECTED)


@pytest.mark.parametrize("rule", DIRECTED)
def test_the_coach_keeps_quiet_as_it_should(rule: str) -> None:
    for config, stream, day_second in DIRECTED[rule]:
        judge(policy.Coach(config, day_second=day_second), config, stream, day_second)


@pytest.mark.parametrize(("rule", "line"), list(_guards()))
def test_a_coach_without_the_guard_is_caught(rule: str, line: int) -> None:
    assert _caught(_without(rule, line), rule), f"{rule} can be cut out and nobody notices"


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_coach_without_the_ceiling_is_caught(name: str) -> None:
    assert name in vars(policy)
    assert _caught(_with(name, CONSTANTS[name]), name), f"{name} can go and nobody notices"

"""How large the parts of the package are, and where a limit is passed: `make size`.

A module has at most 300 lines, a folder 25 modules, a function 40 lines without its docstring and a dozen local names.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from places import ROOT

PACKAGE = ROOT / "recs"
MODULE_LINES = 300
FOLDER_MODULES = 25
FUNCTION_LINES = 40
FUNCTION_LOCALS = 12
VAGUE = {"found", "known"}
"""Names that say nothing of what they hold."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_SCOPES_OF_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def modules() -> list[Path]:
    """Return the modules of the package, sorted."""
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """Return how many lines a function has, its docstring left out."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def locals_of(function: Function) -> set[str]:
    """Return the names that a function assigns, without its arguments, comprehensions and inner functions."""
    names: set[str] = set()
    nodes: list[ast.AST] = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, _SCOPES + _SCOPES_OF_LOOPS):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        nodes += ast.iter_child_nodes(node)
    arguments = function.args
    return names - {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}


def habits(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and kind of what slows a reader down: vague names, three assignments in one, nested conditions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE:
            yield node.lineno, f"a variable is called {node.id}"
        elif isinstance(node, ast.arg) and node.arg in VAGUE:
            yield node.lineno, f"an argument is called {node.arg}"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 2:
            if isinstance(node.targets[0], ast.Tuple):
                yield node.lineno, "three assignments in one line"
        elif isinstance(node, ast.IfExp) and any(
            isinstance(part, ast.IfExp) for part in (node.body, node.orelse, node.test)
        ):
            yield node.lineno, "a condition inside a condition"


def over_limits() -> Iterator[str]:
    """Yield a line for each limit that is passed."""
    for folder, count in sorted(Counter(path.parent for path in modules()).items()):
        if count - 1 > FOLDER_MODULES:
            yield f"{name_of(folder)}: {count - 1} modules, at most {FOLDER_MODULES}"
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MODULE_LINES:
            yield f"{name_of(path)}: {text.count(chr(10))} lines, at most {MODULE_LINES}"
        tree = ast.parse(text)
        for function in functions(tree):
            where = f"{name_of(path)}:{function.lineno} {function.name}"
            if lines_of(function) > FUNCTION_LINES:
                yield f"{where}: {lines_of(function)} lines, at most {FUNCTION_LINES}"
            if len(locals_of(function)) > FUNCTION_LOCALS:
                yield f"{where}: {len(locals_of(function))} locals, at most {FUNCTION_LOCALS}"
        for line, kind in sorted(habits(tree)):
            yield f"{name_of(path)}:{line} {kind}"


def code_lines(path: Path) -> int:
    """Return the lines of a module that hold code: no comment, no blank line, no docstring."""
    text = path.read_text(encoding="utf-8")
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documented |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") and at not in documented for at, line in lines)


def main() -> None:
    """Print the table of wings, and what passes a limit."""
    wings = Counter[str]()
    count = Counter[str]()
    for path in modules():
        wing = name_of(path).partition("/")[0] if "/" in name_of(path) else "(front rooms and ground)"
        wings[wing] += code_lines(path)
        count[wing] += 1
    for wing in sorted(wings):
        print(f"{wing:<26}{count[wing]:>4} modules {wings[wing]:>7,} lines of code")
    print(f"{'all':<26}{sum(count.values()):>4} modules {sum(wings.values()):>7,} lines of code\n")
    for line in over_limits():
        print(line)


if __name__ == "__main__":
    main()

"""Structure of the source in figures: python bench/house.py [CHECKOUT…] prints one column a
checkout.

Counted over `src/pleura/**/*.py`: lines, modules, long functions, cyclomatic complexity (McCabe
1976: decisions + 1, as ruff C901 counts), long lines, comprehensions and conditional expressions
per 1,000 lines, import cycles (imports for types included), finding codes and thresholds that stand
outside their page.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx

HERE = Path(__file__).resolve().parents[1]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
CODE = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+")
CODE_CALLS = {"Finding", "finding", "InputRefused", "UnreadableFile", "GridMismatch", "refused"}
LONG_FUNCTION, COMPLEX, LONG_LINE = 60, 10, 100


def main() -> None:
    checkouts = [Path(given) for given in sys.argv[1:]] or [HERE]
    columns = [figures(checkout / "src" / "pleura") for checkout in checkouts]
    names = list(columns[0])
    print("| | " + " | ".join(checkout.resolve().name for checkout in checkouts) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name in names:
        print(f"| {name} | " + " | ".join(str(column[name]) for column in columns) + " |")


def figures(root: Path) -> dict[str, object]:
    """Every figure of one checkout, in the order of the table."""
    modules = {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))
    }
    lines = [line for path in modules for line in path.read_text(encoding="utf-8").splitlines()]
    nodes = [node for tree in modules.values() for node in ast.walk(tree)]
    functions = [node for node in nodes if isinstance(node, FUNCTIONS)]
    thousand = len(lines) / 1000
    complex_ones = complex_functions(root)
    return {
        "source lines": len(lines),
        "modules": len(modules),
        "modules over 400 lines": sum(
            len(path.read_text(encoding="utf-8").splitlines()) > 400 for path in modules
        ),
        "functions": len(functions),
        f"functions over {LONG_FUNCTION} lines": sum(
            length(node) > LONG_FUNCTION for node in functions
        ),
        f"functions over McCabe {COMPLEX}": (
            f"{complex_ones} ({100 * complex_ones / len(functions):.1f} %)"
        ),
        f"lines over {LONG_LINE} characters": sum(len(line) > LONG_LINE for line in lines),
        "comprehensions per 1,000 lines": round(
            sum(isinstance(n, COMPREHENSIONS) for n in nodes) / thousand, 1
        ),
        "conditional expressions per 1,000 lines": round(
            sum(isinstance(n, ast.IfExp) for n in nodes) / thousand, 1
        ),
        "nested conditional expressions": nested_conditionals(nodes),
        "import cycles": len(cycles(root, modules)),
        "finding codes written outside core.codes": codes_outside(root, modules),
        "numeric constants outside thresholds and landmarks": thresholds_outside(root, modules),
    }


def length(node: ast.AST) -> int:
    """Lines of a function without its docstring."""
    body = node.body  # type: ignore[attr-defined]
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    skipped = body[0].end_lineno - body[0].lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - skipped  # type: ignore[attr-defined]


def complex_functions(root: Path) -> int:
    """Functions that ruff finds above the limit."""
    ruff = Path(sys.executable).with_name("ruff")
    limit = f"lint.mccabe.max-complexity={COMPLEX}"
    call = [
        str(ruff),
        "check",
        "--isolated",
        "--select",
        "C901",
        "--config",
        limit,
        "--output-format",
        "concise",
        str(root),
    ]
    return subprocess.run(call, capture_output=True, text=True, check=False).stdout.count("C901")


def nested_conditionals(nodes: list[ast.AST]) -> int:
    """Conditional expressions that hold another one."""
    return sum(holds_conditional(node) for node in nodes if isinstance(node, ast.IfExp))


def holds_conditional(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.IfExp)
        for part in ast.iter_child_nodes(node)
        for inner in ast.walk(part)
    )


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def cycles(root: Path, modules: dict[Path, ast.Module]) -> list[set[str]]:
    """Groups of modules that import each other, directly or not."""
    names = {
        path: "pleura." + ".".join(path.relative_to(root).with_suffix("").parts) for path in modules
    }
    known = set(names.values())
    graph = networkx.DiGraph()
    for path, tree in modules.items():
        graph.add_edges_from(
            (names[path], target) for target in imports_of(tree) if target in known
        )
    return [group for group in networkx.strongly_connected_components(graph) if len(group) > 1]


def codes_outside(root: Path, modules: dict[Path, ast.Module]) -> int:
    """Codes given to an error or a `Finding` together with a sentence of its own, instead of
    through the table.
    """
    count = 0
    for path, tree in modules.items():
        if path.is_relative_to(root / "core" / "codes") or path == root / "core" / "codes.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CODE_CALLS - {
                "finding",
                "refused",
            }:
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                count += any(
                    isinstance(v, ast.Constant) and CODE.fullmatch(str(v.value)) for v in values
                )
    return count


def thresholds_outside(root: Path, modules: dict[Path, ast.Module]) -> int:
    """Upper-case module constants with a number in the rooms that judge, outside their pages."""
    pages = {
        root / "quality" / "thresholds.py",
        root / "anatomy" / "thresholds.py",
        root / "geometry" / "hu.py",
    }
    rooms = {root / "quality", root / "anatomy", root / "arrays"}
    count = 0
    for path, tree in modules.items():
        if path in pages or path.parent not in rooms:
            continue
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                numbers = [
                    n
                    for n in ast.walk(node.value)
                    if isinstance(n, ast.Constant) and isinstance(n.value, int | float)
                ]
                count += bool(numbers)
    return count


if __name__ == "__main__":
    main()

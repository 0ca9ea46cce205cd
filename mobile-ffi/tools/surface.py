"""Prints the public surface of the generated bindings, a line for each name: what a change of it is reviewed by.

Read from the Python bindings, whose signatures are those of all languages.
"""

import ast
import sys


def is_internal(name: str) -> bool:
    return name.startswith("_") or name.startswith("Uniffi") or name.endswith("Protocol")


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    word = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{word}{function.name}({ast.unparse(function.args)}){returns}"


def walk(body: list[ast.stmt], prefix: str) -> list[str]:
    lines = []
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not is_internal(node.name) or node.name == "__init__":
                if node.name not in {"is_init"}:
                    lines.append(prefix + signature(node))
            case ast.ClassDef() if not is_internal(node.name):
                lines.append(f"{prefix}class {node.name}")
                lines += walk(node.body, f"{prefix}{node.name}.")
            case ast.Assign(targets=[ast.Name(id=name)]) if prefix and not is_internal(name):
                lines.append(f"{prefix}{name}")
    return lines


def main() -> None:
    tree = ast.parse(open(sys.argv[1], encoding="utf-8").read())
    print("\n".join(walk(tree.body, "")))


main()

"""Walks a syntax tree once and notes scopes, definitions, bases, imports, names and calls, each with its scope.

Decorators, defaults, annotations, bases and the first iterable of a comprehension belong to the scope around. A scope
is opened when its turn comes, in the order in which the compiler enters scopes: that is what `Opening` stands for
among the nodes that wait. There is no recursion, so no depth of expressions ends the walk.

Since Python 3.12 a generic function, class or alias has a scope of its own for its type parameters, within it one for
each bound and default, and an alias one for its value. They are kept as functions, which they behave like, under the
names `type_params(f)`, `type_param(T)` and `type_alias(A)`.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scopes import LOADED, REBOUND, STORED, Private, Scope

Row = tuple[object, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

KINDS = {ast.FunctionDef: "function", ast.AsyncFunctionDef: "async_function", ast.ClassDef: "class"}
CONTEXTS = {ast.Load: "load", ast.Store: "store", ast.Del: "del"}
COMPREHENSIONS = {
    ast.ListComp: "listcomp",
    ast.SetComp: "setcomp",
    ast.DictComp: "dictcomp",
    ast.GeneratorExp: "genexpr",
}
#: Fields that hold no nodes, or nodes that say nothing by themselves.
BARE = {"ctx", "op", "ops", "id", "attr", "arg", "name", "names", "module", "level", "kind", "type_comment", "asname"}
LEAVES = (ast.Constant, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal)


@dataclass(slots=True)
class Found:
    """Rows of a module, without the file's id: columns in the order of the tables' schemas."""

    scopes: list[Scope] = field(default_factory=list)
    defs: list[Row] = field(default_factory=list)
    bases: list[Row] = field(default_factory=list)
    imports: list[Row] = field(default_factory=list)
    refs: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Opening:
    """A scope that will be opened, what it goes by in `symtable`, and what stands in it."""

    kind: str
    name: str
    node: tuple[str, int]
    inside: Sequence[Any]
    private: Private | None = None
    definition: Definition | None = None


Visit = Callable[[Any, Scope, Found], tuple[Sequence[Any], Scope]]


def walk(tree: ast.Module, root: Scope) -> Found:
    """Note everything below `tree`."""
    found = Found([root])
    waiting: list[tuple[Any, Scope]] = [(node, root) for node in reversed(tree.body)]
    while waiting:
        node, scope = waiting.pop()
        visit = VISITS.get(type(node))
        nodes, inner = (_below(node), scope) if visit is None else visit(node, scope, found)
        waiting += [(child, inner) for child in reversed(nodes)]
    return found


def span(node: Any) -> tuple[int, int, int, int]:
    """Say from where to where a node stands; decorators are not part of it."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def dotted(node: ast.expr) -> tuple[ast.Name, str] | None:
    """Give the first name and what follows it of an expression that is names and dots only."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return node, "".join(f".{name}" for name in reversed(attributes))


_fields: dict[type, tuple[str, ...]] = {}


def _below(node: Any) -> list[Any]:
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = tuple(name for name in kind._fields if name not in BARE)
    nodes: list[Any] = []
    for name in fields:
        value = getattr(node, name)
        if isinstance(value, list):
            nodes += [child for child in value if isinstance(child, ast.AST)]
        elif isinstance(value, ast.AST):
            nodes.append(value)
    return nodes


def _leaf(_node: ast.AST, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    return (), scope


def _name(node: ast.Name, scope: Scope, found: Found) -> tuple[Sequence[Any], Scope]:
    name = scope.mangled(node.id)
    context = CONTEXTS[type(node.ctx)]
    scope.mention(name, LOADED if context == "load" else STORED)
    found.refs.append((scope.key, name, context, *span(node)))
    return (), scope


def _binder(node: Any, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    """Note a name that is bound without being a node: of a handled error, or captured by a pattern."""
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name is not None:
        scope.mention(scope.mangled(name), STORED)
    return _below(node), scope


def _named(node: ast.NamedExpr, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    scope.mention(scope.mangled(node.target.id), REBOUND)
    return [node.target, node.value], scope


def _call(node: ast.Call, scope: Scope, found: Found) -> tuple[Sequence[Any], Scope]:
    callee = node.func
    path = dotted(callee)
    shape, root, whole, first = "other", None, None, callee
    if path is not None:
        shape = "name" if isinstance(callee, ast.Name) else "attr"
        # In `(a).b()` the callee starts at the parenthesis; what can be looked up is the name.
        first = path[0]
        root = scope.mangled(path[0].id)
        whole = root + path[1]
    counts = len(node.args), len(node.keywords)
    found.calls.append((scope.key, shape, root, whole, *counts, first.lineno, first.col_offset, *span(node)))
    return (callee, *node.args, *node.keywords), scope


def _import(node: ast.Import | ast.ImportFrom, scope: Scope, found: Found) -> tuple[Sequence[Any], Scope]:
    """Note each name of an import statement; `import a.b` binds `a`, and what a star binds cannot be seen."""
    for number, alias in enumerate(node.names):
        is_star = alias.name == "*"
        bound = None if is_star else scope.mangled(alias.asname or alias.name.partition(".")[0])
        what: Row = ("import", alias.name, 0, None)
        if isinstance(node, ast.ImportFrom):
            what = ("from", node.module, node.level, alias.name)
        row = scope.key, scope.n_imports, number, *what, alias.asname, bound, is_star, *span(alias)
        found.imports.append(row)
    scope.n_imports += 1
    return (), scope


def _function(node: Function, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    inner = Opening("function", node.name, (node.name, node.lineno), node.body, definition=node)
    around = [*_defaults(node.args), *node.decorator_list]
    return [*around, *_generic(node, [*_annotations(node), inner])], scope


def _class(node: ast.ClassDef, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    inner = Opening("class", node.name, (node.name, node.lineno), node.body, Private(node.name), node)
    names = frozenset(parameter.name for parameter in getattr(node, "type_params", ()))
    inside = [*node.bases, *node.keywords, inner]
    return [*node.decorator_list, *_generic(node, inside, Private(node.name, names))], scope


def _lambda(node: ast.Lambda, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    return [*_defaults(node.args), Opening("function", "lambda", ("lambda", node.lineno), [node.body])], scope


def _comprehension(node: Comprehension, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    first, *others = node.generators
    made = [node.value, node.key] if isinstance(node, ast.DictComp) else [node.elt]
    name = COMPREHENSIONS[type(node)]
    inside = [first.target, *first.ifs, *others, *made]
    return [first.iter, Opening("function", name, (f".{name}", node.lineno), inside)], scope


def _one_of_several(node: ast.comprehension, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    return [node.target, node.iter, *node.ifs], scope


def _opening(node: Opening, scope: Scope, found: Found) -> tuple[Sequence[Any], Scope]:
    inner = scope.opened(node.kind, node.name, node.node, node.private)
    found.scopes.append(inner)
    if node.definition is not None:
        _define(node.definition, scope, inner, found)
    return node.inside, inner


def _define(node: Definition, around: Scope, body: Scope, found: Found) -> None:
    """Note a definition, which stands in the scope around its type parameters, and what a class is made from."""
    generic = bool(getattr(node, "type_params", ()))
    scope = around.parent if generic and around.parent is not None else around
    has_docstring = ast.get_docstring(node, clean=False) is not None
    n_args = 0 if isinstance(node, ast.ClassDef) else _arg_count(node.args)
    what = KINDS[type(node)], node.name, n_args, len(node.decorator_list), has_docstring
    found.defs.append((scope.key, body.key, *what, *span(node)))
    for number, base in enumerate(node.bases if isinstance(node, ast.ClassDef) else ()):
        path = dotted(base)
        root = None if path is None else around.mangled(path[0].id)
        whole = None if path is None or root is None else root + path[1]
        found.bases.append((body.key, number, root, whole, *span(base)))


def _generic(node: Any, inside: Sequence[Any], private: Private | None = None) -> Sequence[Any]:
    """Put what may speak of type parameters into their scope, where there are any."""
    parameters = getattr(node, "type_params", ())
    if not parameters:
        return inside
    name = node.name.id if isinstance(node.name, ast.Name) else node.name
    goes_by = name, node.lineno
    return [Opening("function", f"type_params({name})", goes_by, [*parameters, *inside], private)]


def _type_parameter(node: Any, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    parts = [getattr(node, "bound", None), getattr(node, "default_value", None)]
    goes_by = node.name, node.lineno
    return [Opening("function", f"type_param({node.name})", goes_by, [part]) for part in parts if part], scope


def _type_alias(node: Any, scope: Scope, _found: Found) -> tuple[Sequence[Any], Scope]:
    name = node.name.id
    value = Opening("function", f"type_alias({name})", (name, node.lineno), [node.value])
    return [node.name, *_generic(node, [value])], scope


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(default for default in args.kw_defaults if default is not None)]


def _annotations(node: Function) -> Iterable[ast.expr]:
    args = node.args
    stars = [star for star in (args.vararg, args.kwarg) if star is not None]
    every = [*args.posonlyargs, *args.args, *stars, *args.kwonlyargs]
    given = [arg.annotation for arg in every] + [node.returns]
    return [annotation for annotation in given if annotation is not None]


def _arg_count(args: ast.arguments) -> int:
    stars = [star for star in (args.vararg, args.kwarg) if star is not None]
    return len(args.posonlyargs) + len(args.args) + len(args.kwonlyargs) + len(stars)


VISITS: dict[type, Visit] = {
    ast.Name: _name,
    ast.Call: _call,
    ast.NamedExpr: _named,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Lambda: _lambda,
    ast.comprehension: _one_of_several,
    ast.ExceptHandler: _binder,
    ast.MatchAs: _binder,
    ast.MatchStar: _binder,
    ast.MatchMapping: _binder,
    Opening: _opening,
    **dict.fromkeys(COMPREHENSIONS, _comprehension),
    **dict.fromkeys(LEAVES, _leaf),
}
# Nodes that older versions do not have.
for _kind, _visit in {
    "TypeVar": _type_parameter,
    "ParamSpec": _type_parameter,
    "TypeVarTuple": _type_parameter,
    "TypeAlias": _type_alias,
}.items():
    if hasattr(ast, _kind):
        VISITS[getattr(ast, _kind)] = _visit

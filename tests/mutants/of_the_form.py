"""Breaks of the canonical form and of what it is made from."""

from tests.mutants.planted import Break

_FORM = ("tests/core/test_canonical.py",)
_CORPUS = ("tests/equivalence/test_corpus.py",)

BREAKS = (
    Break(
        "joins commute although order shows",
        "core/canonical.py",
        "        if not self._ordered:\n            self._sort(block)",
        "        self._sort(block)",
        _FORM,
    ),
    Break(
        "keys of groups are a set although order shows",
        "core/canonical.py",
        "if is_plain and not self._ordered and all(",
        "if is_plain and all(",
        _FORM,
    ),
    Break(
        "order by all forgets the order of outputs",
        "core/canonical.py",
        "if orders_by_all(selection.node):",
        "if False:",
        _FORM,
    ),
    Break(
        "a number left in a rollup is a constant",
        "core/doubt.py",
        "    if any(_names_by_position(query) for query",
        "    if any(False for query",
        _FORM,
    ),
    Break(
        "a window with an order shows none",
        "core/commuting.py",
        '("order", "spec", "alias", "first")',
        '("spec", "alias", "first")',
        _FORM,
    ),
    Break(
        "a window's partitions need not be exact",
        "core/commuting.py",
        'yield from inner.args.get("partition_by") or ()',
        "yield from ()",
        _FORM,
    ),
    Break(
        "what stands in QUALIFY need not be exact",
        "core/commuting.py",
        '("having", "qualify", "order")',
        '("having", "order")',
        _FORM,
    ),
    Break(
        "one side of a union stands for both",
        "core/commuting.py",
        "for side in (relation.left, relation.right))",
        "for side in (relation.left,))",
        _FORM,
    ),
    Break(
        "`//` stays exact",
        "core/commuting.py",
        "exp.Neg, exp.Mod, exp.Abs)",
        "exp.Neg, exp.IntDiv, exp.Mod, exp.Abs)",
        _FORM,
    ),
    Break(
        "a limit shows no order", "core/commuting.py", "_SHOWS = (exp.Limit, exp.Fetch,", "_SHOWS = (exp.Fetch,", _FORM
    ),
    Break(
        "doubles are exact", "core/commuting.py", '{"DECIMAL", "BOOLEAN",', '{"DECIMAL", "DOUBLE", "BOOLEAN",', _FORM
    ),
    Break(
        "any aggregate is blind to order",
        "core/commuting.py",
        "return not isinstance(node, (*_COUNTS, *_OF_EXACT))",
        "return False",
        _FORM,
    ),
    Break(
        "a filter on the nullable side rises",
        "core/merging.py",
        '            and inner.node.args.get("where") is None\n',
        "",
        _FORM,
    ),
    Break("what is read twice dissolves", "core/merging.py", " or self._scopes.readers[id(inner)] != 1", "", _FORM),
    Break(
        "volatile operands are a set",
        "core/terms.py",
        "    if all(t.stable for t in flat):\n        flat",
        "    if flat:\n        flat",
        _FORM,
    ),
    Break(
        "bounds of two kinds are two comparisons",
        "core/terms.py",
        "if value.stable and _of_one_kind(low, high):",
        "if value.stable:",
        _FORM,
    ),
    Break(
        "a turned comparison keeps its sides",
        "core/terms.py",
        "return Term(turned, (right, left))",
        "return Term(turned, (left, right))",
        _FORM,
    ),
    Break(
        "literals fold beside a small type",
        "core/terms.py",
        "_beside(left, right, CALCULABLE)",
        "_beside(left, right, COMPARABLE)",
        _FORM,
    ),
    Break(
        "two volatile columns are one",
        "core/canonical.py",
        "            if not term.stable:\n",
        "            if False:\n",
        _FORM,
    ),
    Break(
        "a merged column is the left one",
        "core/doubt.py",
        "return not select.find(exp.Star) and not any(c.name.lower() in names for c in columns)",
        "return True",
        _FORM,
    ),
    Break(
        "a column that holds a literal is the literal",
        "core/canonical.py",
        "            if term.reach < 0:",
        "            if False:",
        _FORM,
    ),
    Break("a sign is lost", "core/terms.py", "term.value = -this.value", "term.value = this.value", _FORM),
    Break(
        "a field of a struct is no column",
        "edges/engine/reads.py",
        'return {path} if path in known else {c for c in known if path.startswith(f"{c}.")} or {path}',
        "return {path}",
        _CORPUS,
    ),
    Break(
        "sorting is forgotten",
        "core/canonical.py",
        '("distinct", "order", "limit", "offset"), selection',
        '("distinct", "limit", "offset"), selection',
        _CORPUS,
    ),
)

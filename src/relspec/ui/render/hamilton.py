"""The tasks as a Python module for Apache Hamilton: one function for each output, with its inputs as parameters.

The text depends on the document alone, and is laid out as `ruff format` would do it, so that a module that is kept in a
repository stays as it was written.
"""

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from relspec.ui.render.page import Page
from relspec.ui.render.problems import problem_lines
from relspec.ui.render.python import (
    Group,
    Layout,
    call,
    dictionary,
    lines,
    literal,
    pair,
    parameters,
    query_lines,
    texts,
)
from relspec.ui.render.text import counted, escape

#: Stands in each module, and tells it from files that a person wrote.
MARK = "Written by `relspec-watch export hamilton`"
#: What a module calls by name, so that no function and no parameter may bear it.
_TAKEN = frozenset({"FLOW", "Flow", "Path", "Table", "cache", "tag"})

Document = Mapping[str, Any]
#: The names of functions and parameters, by lower-case names of datasets.
Names = Mapping[str, str]


def names_of(datasets: Iterable[str]) -> dict[str, str]:
    """Name the function or parameter of each dataset: like it, where Python, Hamilton and the module allow that.

    Otherwise it is `dataset_` and the name, with an underscore for what is no ASCII letter or digit, and if that is
    taken, a number.
    """
    ordered = sorted(datasets)
    names = {dataset.lower(): dataset for dataset in ordered if _is_name(dataset)}
    for dataset in ordered:
        if not _is_name(dataset):
            name = f"dataset_{re.sub('[^0-9A-Za-z]', '_', dataset)}"
            names[dataset.lower()] = _free(name, set(names.values()))
    return names


def _is_name(text: str) -> bool:
    # Hamilton passes by functions whose names begin with an underscore. Python reads other forms of a letter as that.
    plain = text.isidentifier() and unicodedata.normalize("NFKC", text) == text
    return plain and not (keyword.iskeyword(text) or text in _TAKEN or text.startswith("_"))


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def module_text(document: Document, module: str, project: str) -> str:
    """Write the module for the file `<module>.py`; `project` leads from its folder to the root.

    The document is the daemon's answer to `export`, without problems.
    """
    names = names_of(document["tables"])
    found = [*_head(document, module if _is_name(module) else "flow", names), "", *_flow(document, project, names)]
    for plan in document["plans"]:
        found += ["", "", *_function(plan, names)]
    return "".join(f"{line}\n" for line in found)


def summary(document: Document, path: str | None, text: str | None) -> dict[str, Any]:
    """Say what was written, and where; `text` is the module that goes to stdout."""
    names = names_of(document["tables"])
    return {
        "path": path,
        "module": text,
        "signature": document["signature"],
        "functions": [_summed(plan, names) for plan in document["plans"]],
        "sources": [{"name": names[dataset.lower()], "dataset": dataset} for dataset in document["sources"]],
        "problems": document["problems"],
    }


def _summed(plan: Document, names: Names) -> dict[str, Any]:
    kept = ("task", "dataset", "kind", "cache_policy", "fingerprint", "generation")
    return {"name": names[plan["dataset"].lower()], "inputs": _inputs(plan, names)} | {key: plan[key] for key in kept}


def export_lines(document: Document, page: Page) -> list[str]:
    """Show what was written; the module itself where it goes to stdout; or why nothing was."""
    if document["problems"]:
        count = counted(len(document["problems"]), "problem")
        return [*problem_lines(document["problems"], page), f"nothing is written: {page.paint(count, 'red')}"]
    if document["module"] is not None:
        return str(document["module"]).split("\n")[:-1]
    functions = counted(len(document["functions"]), "function")
    return [f"wrote {escape(document['path'])}: {functions} over {counted(len(document['sources']), 'source')}"]


def _head(document: Document, module: str, names: Names) -> list[str]:
    last = [names[plan["dataset"].lower()] for plan in document["plans"]][-1:]
    found = [
        '"""The tasks of a relspec project for Apache Hamilton: one function for each table.',
        "",
        f"{MARK}: export it again instead of editing it. It needs",
        "the extra `hamilton` of relspec-watch. This executes tasks over the sources as they are",
        "now, and refuses where the project's plan is another one by now:",
        "",
        "    from hamilton import driver",
        f"    import {module}",
        "",
        f"    run = driver.Builder().with_modules({module}).build()",
        f"    tables = run.execute([{', '.join(map(literal, last))}], inputs={module}.FLOW.inputs())",
        '"""',
        "",
        "from pathlib import Path",
        "",
    ]
    if document["plans"]:
        found += ["from hamilton.function_modifiers import cache, tag", "from pyarrow import Table"]
    return [*found, "from relspec.hamilton import Flow"]


def _flow(document: Document, project: str, names: Names) -> list[str]:
    place = "Path(__file__).parent" + ("" if project == "." else f" / {literal(project)}")
    tables = {dataset: _typed(columns) for dataset, columns in document["tables"].items()}
    sources = {names[d.lower()]: pair(literal(d), texts(required)) for d, required in document["sources"].items()}
    arguments: dict[str, Layout] = {
        "signature": literal(document["signature"]),
        "project": place,
        "timezone": literal(document["timezone"]),
        "memory_mb": str(document["memory_mb"]),
        "folders": texts(document["folders"]),
        "tables": dictionary(tables),
        "sources": dictionary(sources),
    }
    return lines("FLOW = Flow", call(arguments), "", 0, may_fit=False)


def _typed(columns: Mapping[str, str]) -> Group:
    return dictionary({name: literal(type_) for name, type_ in columns.items()})


def _inputs(plan: Document, names: Names) -> list[str]:
    return sorted(names[dataset.lower()] for dataset in (*plan["reads"], *plan["views"]))


def _function(plan: Document, names: Names) -> list[str]:
    inputs = parameters(dict.fromkeys(_inputs(plan, names), "Table"))
    behaviour = "default" if plan["is_remembered"] else "recompute"
    return [
        *lines("@tag", call(_tags(plan)), "", 0, may_fit=False),
        f"@cache(behavior={literal(behaviour)})",
        *lines(f"def {names[plan['dataset'].lower()]}", inputs, " -> Table:", 0),
        *(f"    # {escape(view)} is a view: its query stands in this one." for view in plan["views"]),
        "    return FLOW.query(",
        *query_lines(plan["sql"], 2),
        *_arguments(plan, names),
        "    )",
    ]


def _tags(plan: Document) -> dict[str, str]:
    tags = {key: plan[key] for key in ("task", "dataset", "kind", "cache_policy", "fingerprint")}
    tags |= {"generation": str(plan["generation"]), "source": f"{plan['path']}:{plan['line']}"}
    return {key: literal(value) for key, value in tags.items()}


def _arguments(plan: Document, names: Names) -> list[str]:
    reads = {dataset: pair(names[dataset.lower()], texts(required)) for dataset, required in plan["reads"].items()}
    found = [*lines("reads=", dictionary(reads), ",", 2), *lines("gives=", literal(plan["dataset"]), ",", 2)]
    if plan["udfs"]:
        functions = {udf["name"]: _udf(udf) for udf in plan["udfs"]}
        found += lines("functions=", dictionary(functions), ",", 2)
    if plan["is_drawn"]:
        found += lines("drawn_from=", literal(plan["fingerprint"]), ",", 2)
    return found


def _udf(udf: Document) -> Group:
    parts: tuple[Layout, ...] = (literal(udf["path"]), texts(udf["parameters"]), literal(udf["returns"]))
    return Group("(", tuple(("", part) for part in parts), ")")

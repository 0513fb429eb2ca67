"""Compares the extractor with Python itself, over a whole folder of sources.

    python -m tests.cpg.compare [FOLDER]

The folder is the one that imports start from; without one it is the standard library. Prints how many scopes, symbols,
definitions, imports, names and calls were compared and how many differ, and ends with 1 when any does.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from tests.by_hand import File, extractor_of, importing_from
from tests.cpg.outside import Comparison, compare, compare_module

CPG = Path(__file__).resolve().parents[2] / "src/cpg"
STANDARD_LIBRARY = Path(argparse.__file__).parent
#: So many differences of each sort are shown.
SHOWN = 10

Extract = Callable[[str, bytes], Mapping[str, pa.Table]]


@contextmanager
def extractor() -> Iterator[Extract]:
    """Open the repository's extractor as a function of a path and bytes."""
    with importing_from(CPG):
        _, function = extractor_of(CPG / "python_source.py")
        yield lambda path, content: function(File(path, content))


def sources(root: Path) -> list[Path]:
    """All Python files below a folder, without what is installed there."""
    return sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)


def compare_file(extract: Extract, root: Path, file: Path) -> Comparison:
    """Compare one file, and the name of its module where it can be imported by one."""
    content = file.read_bytes()
    relative = file.relative_to(root)
    tables = extract(f"src/{relative.as_posix()}", content)
    found = compare(tables, content)
    if all(part.isidentifier() for part in relative.with_suffix("").parts) and len(relative.parts) > 1:
        compare_module(found, tables["src_files"].to_pylist()[0], root, file)
    return found


def main() -> int:
    """Compare, and print what was."""
    parser = argparse.ArgumentParser(prog="python -m tests.cpg.compare", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=STANDARD_LIBRARY)
    root = parser.parse_args().folder.resolve()
    total, files, started = Comparison(), sources(root), time.process_time()
    with extractor() as extract:
        for file in files:
            found = compare_file(extract, root, file)
            total += found
            for sort, wrong in found.wrong.items():
                print(f"{file}: {sort}: {len(wrong)} differ", *wrong[:SHOWN], sep="\n    ")
    print(f"{len(files)} files of {root}, Python {sys.version.split()[0]}, {time.process_time() - started:.0f} s")
    for sort, n in total.n_compared.items():
        print(f"{sort:18}{n:10,} compared {len(total.differing[sort]):6,} differ")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

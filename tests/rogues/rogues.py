"""Tasks that misbehave, as data: what each does, and the one problem that it has to end as.

A rogue is one file with one task of its own name. `code` is that of its problem, `None` where it only spoils what it
shares with others and is a good task itself; `words` stand in the message, `line` is the place. What costs time or
memory is bounded by `LIMITS`, which are small; `Rogue.patience_s` is what such a one takes of them.
"""

import textwrap
from dataclasses import dataclass

#: Settings under which each rogue ends soon.
LIMITS = {
    "load_s": 1.5,
    "build_s": 1.5,
    "query_s": 4.0,
    "memory_mb": 128,
    "workers": 2,
    "python_mb": 128,
    "spill_mb": 64,
    "processes": 16,
    "output_kb": 8,
}

_HEAD = "from relspec import task\n"
_GOOD = '\n\n@task\ndef {name}(ctx):\n    return ctx.table("orders").count().name("n").as_table()\n'
_UDF = """
import ibis

@ibis.udf.scalar.python
def rogue_{name}(x: int) -> int:
{body}

@task
def {name}(ctx):
    orders = ctx.table("orders")
    return orders.mutate(y=rogue_{name}(orders.id))
"""
_BUILDER = '\n\n@task\ndef {name}(ctx):\n{body}\n    return ctx.table("orders")\n'


@dataclass(frozen=True, slots=True)
class Rogue:
    """One file that misbehaves."""

    name: str
    path: str
    text: str
    code: str | None
    words: str
    line: int | None

    @property
    def repaired(self) -> str:
        """The same file, once its author has thought again."""
        if self.path.endswith(".sql"):
            return "select count(*) as n from orders\n"
        return _HEAD + _GOOD.format(name=self.name)


def at_import(name: str, code: str | None, words: str, body: str, line: int | None = None) -> Rogue:
    """Misbehaves while the file is imported; the task in it is a good one."""
    text = _HEAD + textwrap.dedent(body).strip("\n") + _GOOD.format(name=name)
    return Rogue(name, f"tasks/{name}.py", text, code, words, line)


def in_builder(name: str, code: str | None, words: str, body: str, line: int | None = None) -> Rogue:
    """Misbehaves when the builder is called."""
    inner = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return Rogue(name, f"tasks/{name}.py", _HEAD + _BUILDER.format(name=name, body=inner), code, words, line)


def in_udf(name: str, code: str | None, words: str, body: str, line: int | None = None) -> Rogue:
    """Misbehaves when the query calls a Python function."""
    inner = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return Rogue(name, f"tasks/{name}.py", _HEAD + _UDF.format(name=name, body=inner), code, words, line)


def in_extractor(name: str, code: str | None, words: str, body: str) -> Rogue:
    """Misbehaves when it reads a file, which is its own source."""
    inner = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    head = f"from relspec import extract\n\n@extract(files='tasks/{name}.py')\ndef {name}(file):\n"
    return Rogue(name, f"tasks/{name}.py", f"{head}{inner}\n", code, words, None)


def in_sql(name: str, code: str | None, words: str, text: str, line: int | None = None) -> Rogue:
    """Misbehaves as a query."""
    return Rogue(name, f"tasks/{name}.sql", text + "\n", code, words, line)


#: How much the chatterbox prints; the campaign has it print more.
PRINTED_MB = 64


def chatterbox(megabytes: int) -> Rogue:
    """Print so much while the file is imported; it loads well if its limit lets it."""
    body = f"line = 'x' * 65535 + chr(10)\nfor _ in range({megabytes} * 16):\n    print(line, end='')"
    return at_import("chatterbox", None, "", body)


#: Finds the descriptor on which a session talks with the daemon, as no honest code would.
_PROTOCOL = """
import os, stat
talk = next(d for d in range(3, 64) if os.path.exists(f"/proc/self/fd/{d}") and stat.S_ISSOCK(os.fstat(d).st_mode))
"""
_HOARD = "hoard = [bytearray(1 << 24) for _ in range(1 << 12)]"
_DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
"""

ROGUES: tuple[Rogue, ...] = (
    # Memory.
    at_import("memory_at_import", "memory", "MemoryError", _HOARD, 2),
    in_builder("memory_in_builder", "memory", "MemoryError", _HOARD, 6),
    in_udf("memory_in_udf", "memory", "", f"{_HOARD}\nreturn len(hoard)"),
    at_import(
        "memory_shared",
        "memory",
        "python_mb",
        "import mmap\nhoard = mmap.mmap(-1, 1 << 32)\npiece = bytes(1 << 24)\nwhile True:\n    hoard.write(piece)",
    ),
    at_import(
        "memory_in_forks",
        "memory",
        "python_mb",
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        hoard = bytearray(100 << 20)\n"
        "        time.sleep(60)\ntime.sleep(60)",
    ),
    in_sql(
        "memory_in_sort",
        "memory",
        "memory",
        "select repeat(md5((a.range * 100000 + b.range)::varchar), 40) as c, b.range as b\n"
        "from range(100000) a, range(100000) b order by c, b",
    ),
    in_sql("memory_in_list", "memory", "memory", "select list(range) as everything from range(10000000000)"),
    in_sql(
        "memory_uncounted", "memory", "", "select histogram(repeat(range::varchar, 400)) as h from range(100000000)"
    ),
    in_sql("memory_in_text", "memory", "memory", "select repeat('x', 4000000000) as x, count(*) as n from orders"),
    # Sudden ends.
    at_import("segfault", "crash", "SIGSEGV", "import ctypes\nctypes.string_at(0)"),
    in_udf("segfault_in_udf", "crash", "SIGSEGV", "import ctypes\nreturn len(ctypes.string_at(0))"),
    at_import("abort", "crash", "SIGABRT", "import os\nos.abort()"),
    at_import("exit_0", "crash", "exit status 0", "import os\nos._exit(0)"),
    in_builder("exit_1", "crash", "exit status 1", "import os\nos._exit(1)"),
    in_udf("exit_in_udf", "crash", "exit status 1", "import os\nos._exit(1)"),
    at_import("sys_exit", "load", "sys.exit(2)", "import sys\nsys.exit(2)", 3),
    at_import("interrupt", "load", "KeyboardInterrupt", "raise KeyboardInterrupt", 2),
    in_udf("sys_exit_in_udf", "execution", "SystemExit", "import sys\nsys.exit(3)", 8),
    in_udf("interrupt_in_udf", "execution", "KeyboardInterrupt", "raise KeyboardInterrupt", 7),
    at_import("kill_self", "memory", "killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
    at_import("stop_self", "timeout", " s", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    at_import(
        "kill_parent",
        "crash",
        "forked",
        "import os, signal, time\nassert os.getppid() > 1\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)",
    ),
    at_import(
        "stop_parent",
        "timeout",
        " s",
        "import os, signal, time\nassert os.getppid() > 1\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(60)",
    ),
    at_import("odd_signal", "crash", "signal 40", "import os\nos.kill(os.getpid(), 40)"),
    at_import("kill_group", "memory", "killed", "import os, signal\nos.killpg(0, signal.SIGKILL)"),
    # Without end.
    at_import("loop_at_import", "timeout", " s", "while True:\n    pass"),
    in_builder("loop_in_builder", "timeout", " s", "while True:\n    pass"),
    in_udf("loop_in_udf", "timeout", " s", "while True:\n    pass"),
    in_builder("regex", "timeout", " s", "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"),
    in_udf("regex_in_udf", "timeout", " s", "import re\nreturn bool(re.match(r'(a+)+$', 'a' * 64 + 'b'))"),
    in_udf(
        "stubborn",
        "timeout",
        " s",
        "import signal\nfor number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\nwhile True:\n    pass",
    ),
    in_sql(
        "endless_query",
        "timeout",
        " s",
        "select count(*) as n from range(1000000000000000) where range % 7 = 8",
    ),
    in_extractor("loop_in_extractor", "timeout", " s", "while True:\n    pass"),
    in_extractor("exit_in_extractor", "crash", "exit status 4", "import os\nos._exit(4)"),
    in_extractor("memory_in_extractor", "memory", "MemoryError", _HOARD),
    # Processes.
    at_import(
        "fork_bomb",
        "crash",
        "processes",
        "import os, time\nfor _ in range(7):\n    os.fork()\ntime.sleep(60)",
    ),
    at_import("daemonized", None, "", _DAEMON),
    in_udf("daemonized_in_udf", None, "", _DAEMON + "return 1"),
    at_import("child_left", None, "", "import subprocess\nsubprocess.Popen(['sleep', '60'], start_new_session=True)"),
    at_import("fork_and_go_on", None, "", "import os\nos.fork()"),
    # Descriptors.
    at_import("closes_all", "crash", "connection", "import os\nos.closerange(0, 4096)"),
    at_import("closes_output", None, "", "import os\nos.close(1)\nos.close(2)"),
    at_import("dup2_over", "crash", "connection", _PROTOCOL + "os.dup2(os.open('/dev/null', os.O_RDWR), talk)"),
    at_import("garbage", "crash", "connection", _PROTOCOL + "os.write(talk, b'\\xff' * 4096)"),
    at_import("short_garbage", "crash", "connection", _PROTOCOL + "os.write(talk, b'\\x04\\x00\\x00\\x00{}{}')"),
    at_import(
        "wrong_answer",
        "crash",
        "no answer",
        _PROTOCOL
        + "from relspec.edges.loader.messages import InputMoved, Reply\nfrom relspec.edges.wire import encode\n"
        + "os.write(talk, encode(Reply(InputMoved('x'), None)))",
    ),
    at_import(
        "opens_all",
        None,
        "",
        "import os\nheld = []\ntry:\n    while True:\n"
        "        held.append(os.open('/dev/null', os.O_RDONLY))\nexcept OSError:\n    pass",
    ),
    # Surroundings that tasks share.
    at_import("chdir", None, "", "import os, tempfile\nos.chdir(tempfile.gettempdir())"),
    at_import(
        "folder_gone", None, "", "import os, tempfile\nplace = tempfile.mkdtemp()\nos.chdir(place)\nos.rmdir(place)"
    ),
    at_import("umask", None, "", "import os\nos.umask(0o777)"),
    at_import("environment", None, "", "import os\nos.environ.clear()\nos.environ['TZ'] = 'Asia/Tokyo'"),
    at_import("sys_path", None, "", "import sys\nsys.path.clear()\nsys.meta_path.clear()"),
    at_import(
        "modules_gone",
        "builder",
        "",
        "import sys\nfor name in [n for n in sys.modules if n.startswith('ibis')]:\n    del sys.modules[name]",
    ),
    at_import(
        "builtins", "crash", "exit status 1", "import builtins\nbuiltins.len = lambda _: 7\nbuiltins.sorted = None"
    ),
    at_import(
        "signals",
        None,
        "",
        "import os, signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: os._exit(5))\nsignal.setitimer(signal.ITIMER_REAL, 2)",
    ),
    at_import(
        "thread_left",
        None,
        "",
        "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(2), os._exit(7))).start()",
    ),
    at_import("tracing", None, "", "import sys\nsys.settrace(lambda *_: None)\nsys.setrecursionlimit(60)"),
    at_import("replaces_output", None, "", "import sys\nsys.stdout = sys.stderr = None"),
    # Words.
    chatterbox(PRINTED_MB),
    at_import("reads_stdin", "load", "EOFError", "answer = input()", 2),
    at_import("huge_words", "load", "ValueError", "raise ValueError('x' * (1 << 26))", 2),
    in_udf("huge_words_in_udf", "execution", "ValueError", "raise ValueError('x' * (1 << 20))", 7),
    at_import(
        "speechless",
        "load",
        "cannot be read",
        "class Silent(Exception):\n    def __str__(self): raise SystemExit\n    __repr__ = __str__\nraise Silent",
        5,
    ),
    at_import(
        "hostile_words", "load", "RuntimeError", "raise RuntimeError('\\x1b[2J\\x07\\u202e\\x00\\ud800' + chr(10))", 2
    ),
    in_builder(
        "hostile_names", "unknown-dataset", "\\x1b[2J", "return ctx.table('\\x1b[2Jorders\\x00').select('a\\x1b')"
    ),
    # Depth and size.
    at_import("recursion", "load", "RecursionError", "def down():\n    return down()\ndown()", 3),
    in_builder(
        "bottomless",
        "crash",
        "SIGSEGV",
        "import sys\nsys.setrecursionlimit(1 << 30)\n"
        "class Down:\n    def __repr__(self): return repr([self])\n"
        "def down(n):\n    return max([n], key=lambda m: down(m + 1))\ndown(0)",
    ),
    in_sql("unions", "timeout", " s", " union all ".join(["select id from orders"] * 20_000)),
    in_sql("deep", "unsupported-sql", "", "select " + "(" * 20_000 + "1" + ")" * 20_000 + " as n from orders"),
    in_sql("deep_subqueries", "unsupported-sql", "", "select * from (" * 3_000 + "orders" + ")" * 3_000),
    in_builder(
        "huge_query",
        "memory",
        "ended its process: out of memory",
        "return ctx.table('orders').mutate(x='y' * (1 << 24))",
    ),
    # The state.
    at_import(
        "writes_state",
        None,
        "",
        "import pathlib\nfor name in ('rogue', 'tmp/rogue', 'objects/rogue', "
        "'tables/rogue.parquet'):\n    pathlib.Path('state', name).write_bytes(b'rogue')",
    ),
    at_import(
        "spoils_tables",
        None,
        "",
        "import pathlib\nfor found in pathlib.Path('state/tables').iterdir():\n    found.unlink()",
    ),
)

#: What runs in the campaign alone: it takes all of a limit where another of its sort does so already, or much memory.
LATE = frozenset(
    {
        "endless_query",
        "loop_in_builder",
        "loop_in_extractor",
        "memory_in_extractor",
        "loop_in_udf",
        "daemonized_in_udf",
        "exit_in_extractor",
        "exit_in_udf",
        "fork_bomb",
        "interrupt_in_udf",
        "segfault_in_udf",
        "sys_exit_in_udf",
        "memory_in_forks",
        "memory_in_sort",
        "memory_shared",
        "memory_uncounted",
        "regex_in_udf",
        "stop_parent",
        "stop_self",
        "huge_query",
    }
)

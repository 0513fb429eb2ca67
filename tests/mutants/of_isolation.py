"""Breaks in what keeps task code from others, from the daemon and from the time after its build."""

from tests.mutants.planted import Break

_LOADER = "tests/edges/loader/test_rogues.py"

BREAKS = (
    Break(
        "what left its group outlives its session",
        "edges/loader/parent.py",
        "        self._strays = self._end_strays()\n        self._report(",
        "        self._report(",
        (f"{_LOADER}::test_a_process_that_made_itself_a_daemon_dies_with_its_session",),
    ),
    Break(
        "orphans of a session go to the machine",
        "edges/loader/parent.py",
        "        adopt_orphans()\n        self._watch(",
        "        self._watch(",
        (f"{_LOADER}::test_a_process_that_made_itself_a_daemon_dies_with_its_session",),
    ),
    Break(
        "a parent that was killed leaves behind what it would have ended",
        "edges/loader/warm.py",
        "        if self._process.returncode != 0:\n",
        "        if self._process.returncode is None:\n",
        (f"{_LOADER}::test_a_daemon_of_task_code_dies_also_when_the_parent_was_killed",),
    ),
    Break(
        "a parent that was stopped is waited for",
        "edges/loader/client.py",
        "        if not self.exited.done():\n            await self.parent.end()\n",
        "",
        (f"{_LOADER}::test_a_parent_that_was_stopped_is_replaced",),
    ),
    Break(
        "only the session itself is weighed",
        "edges/loader/parent.py",
        "(weight := weight_mb(family, bounds.memory_mb))",
        "(weight := weight_mb(family[:1], bounds.memory_mb))",
        (f"{_LOADER}::test_memory_counts_with_all_that_the_code_started",),
    ),
    Break(
        "shared memory weighs nothing",
        "edges/loader/family.py",
        '(b"RssAnon:", b"RssShmem:", b"VmSwap:")',
        '(b"RssAnon:", b"VmSwap:")',
        (f"{_LOADER}::test_memory_counts_with_all_that_the_code_started",),
    ),
    Break(
        "processes are not counted",
        "edges/loader/parent.py",
        "    if len(family) > bounds.processes:\n",
        "    if len(family) > 1000 * bounds.processes:\n",
        (f"{_LOADER}::test_more_processes_than_it_may_have_end_a_child",),
    ),
    Break(
        "Python code may hold what it wants",
        "edges/loader/child.py",
        "    resource.setrlimit(resource.RLIMIT_DATA, (python, whole))\n",
        "",
        (f"{_LOADER}::test_a_memory_bomb_is_a_problem_and_not_the_end_of_the_machine",),
    ),
    Break(
        "a spoilt process serves on",
        "edges/loader/client.py",
        "            if reply.spoilt is not None:\n",
        "            if reply.spoilt is None and reply.spoilt:\n",
        (f"{_LOADER}::test_a_process_that_a_file_spoilt_serves_no_other",),
    ),
    Break(
        "a variable that was added spoils a process",
        "edges/loader/surroundings.py",
        "any(os.environ.get(name) != value for name, value in self._environment.items())",
        "dict(os.environ) != self._environment",
        (f"{_LOADER}::test_what_a_file_adds_spoils_nothing",),
    ),
    Break(
        "bytes on the connection are waited out",
        "edges/wire.py",
        "    if mark != _MARK or length > MESSAGE_BYTES_MAX:\n",
        "    if length > MESSAGE_BYTES_MAX:\n",
        (f"{_LOADER}::test_what_code_does_to_its_connection_is_found_at_once",),
    ),
    Break(
        "an answer to another question is taken",
        "edges/loader/client.py",
        "isinstance(answer, InputMoved) and isinstance(request, (DoExtract, DoExecute))",
        "isinstance(answer, InputMoved)",
        (f"{_LOADER}::test_what_code_does_to_its_connection_is_found_at_once",),
    ),
    Break(
        "an error text that is no text is sent as it is",
        "edges/loader/blame.py",
        '.encode("utf-8", "backslashreplace").decode()',
        "",
        (f"{_LOADER}::test_an_error_text_that_is_no_text_is_still_that_problem",),
    ),
    Break(
        "a signal without a name is a defect",
        "edges/signals.py",
        "    except ValueError:\n        return",
        "    except KeyError:\n        return",
        (f"{_LOADER}::test_a_child_that_dies_is_an_error_that_says_how",),
    ),
    Break(
        "a bound on spilling is taken and not kept",
        "edges/engine/connection.py",
        "    if files:\n",
        "    if not spill:\n",
        ("tests/edges/engine/test_execute.py::test_a_query_spills_no_more_than_it_may",),
    ),
    Break(
        "output is never cut",
        "edges/loader/output.py",
        "        self._left -= len(data)\n",
        "",
        ("tests/edges/loader/test_output.py",),
    ),
    Break(
        "output gives terminals orders",
        "edges/loader/output.py",
        "        lines = _UNPRINTABLE.sub(lambda found: repr(found[0])[2:-1].encode(), lines)\n",
        "",
        ("tests/edges/loader/test_output.py",),
    ),
    Break(
        "a log that cannot be written ends the loader",
        "edges/loader/output.py",
        "            except OSError:\n",
        "            except KeyError:\n",
        ("tests/edges/loader/test_output.py",),
    ),
    Break(
        "a file that vanished before its extractor ends the build",
        "app/extract.py",
        "            except InputMovedError:\n",
        "            except KeyError:\n",
        ("tests/app/test_build.py::test_a_file_that_vanishes_before_its_extractor_reads_it_ends_no_build",),
    ),
    Break(
        "a query with Python functions outlives its build",
        "app/run.py",
        "answer = await self.workshop.session.execute(request)",
        "start = functools.partial(self.workshop.session.execute, request)\n"
        "                answer = await self.workshop.executions.run(now.key, spec.name, start)",
        ("tests/rogues/test_superseded.py",),
    ),
)

"""What is promised, the tests that show it at each commit, and the commands that try harder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise: `tests` are files or single tests, `commands` the names of campaigns whose figures are kept."""

    number: int
    title: str
    text: str
    tests: tuple[str, ...]
    commands: tuple[str, ...]


PROMISES = (
    Promise(
        1,
        "Same as from scratch",
        "When nothing changes any more, every table, state and problem is that of a clean build of the same files.",
        (
            *("tests/campaign/test_campaign.py", "tests/scenarios/test_scenarios.py", "tests/scenarios/test_git.py"),
            "tests/cpg/test_replay.py",
        ),
        ("campaign", "campaign --daemon", "fuzz", "cpg.replay"),
    ),
    Promise(
        2,
        "Only what must run runs",
        "The tasks that execute are those that a model of the rule names, and a build without a change executes none.",
        (
            *("tests/campaign/test_campaign.py", "tests/scenarios/test_scenarios.py", "tests/docs/test_edits.py"),
            "tests/cpg/test_cones.py",
        ),
        ("campaign",),
    ),
    Promise(
        3,
        "No change is missed",
        "Also when the system drops every event: a scan decides, events only make it fast.",
        ("tests/edges/test_watch.py", "tests/edges/test_files.py", "tests/sim/test_sim.py"),
        ("watching", "sim"),
    ),
    Promise(
        4,
        "After a sync every earlier write is seen",
        "`build` and `status --sync` answer for all that was written before they were asked.",
        ("tests/edges/test_watch.py::test_the_barrier_shows_every_write_before_it", "tests/app/test_looks.py"),
        ("sim",),
    ),
    Promise(
        5,
        "No mixed snapshot",
        "A table is published only if no input moved while it was made.",
        ("tests/app/test_looks.py", "tests/app/test_daemon.py", "tests/sim/test_sim.py"),
        ("sim",),
    ),
    Promise(
        6,
        "Clocks cannot fool it",
        "Coarse timestamps, forged ones and edits of one size within a tick are seen.",
        (
            "tests/edges/test_files.py::test_a_same_size_edit_within_one_tick_is_found",
            "tests/edges/test_files.py::test_data_younger_than_a_tick_is_held",
            "tests/edges/test_grain.py",
        ),
        ("watching",),
    ),
    Promise(
        7,
        "Never stale code",
        "The bytes that are hashed are the bytes that are compiled, of helpers too.",
        (
            "tests/edges/loader",
            "tests/scenarios/test_scenarios.py",
            "tests/core/test_sketch.py",
            "tests/app/test_texts.py",
        ),
        ("campaign", "watching"),
    ),
    Promise(
        8,
        "Half-written or broken inputs never become results",
        "A file is held while somebody writes it; a broken one is one clear problem, and its readers are blocked.",
        (
            "tests/edges/test_files.py",
            "tests/edges/engine/test_intake_csv.py",
            "tests/edges/engine/test_intake_json.py",
        ),
        ("watching",),
    ),
    Promise(
        9,
        "Kill it anywhere, lose nothing",
        "Whatever dies at whatever moment: no torn table, nothing that was acknowledged is lost.",
        ("tests/app/test_daemon.py::test_no_child_outlives_a_daemon_that_was_killed", "tests/crash/test_crash.py"),
        ("crash",),
    ),
    Promise(
        10,
        "A full disk is a message",
        "Where disk, descriptors or permissions fail an error says so, nothing is torn, and the next build goes on.",
        (
            "tests/edges/test_files.py::test_a_shortage_of_descriptors_loses_nothing",
            "tests/crash/test_crash.py",
            "tests/crash/test_full_disk.py",
        ),
        ("crash",),
    ),
    Promise(
        11,
        "The newest save wins",
        "What a newer save makes needless is killed, and never published.",
        (
            "tests/app/test_daemon.py::test_an_endless_query_is_superseded_by_the_next_save",
            "tests/rogues/test_superseded.py",
        ),
        ("rogues",),
    ),
    Promise(
        12,
        "No task takes the daemon down",
        "User code and queries run in other processes, within limits; what goes wrong there is a problem of that task.",
        ("tests/rogues/test_isolation.py", "tests/edges/engine/test_pool.py", "tests/edges/loader"),
        ("rogues",),
    ),
    Promise(
        13,
        "One daemon a project",
        "However many are started, copied, moved or killed, and nothing is left behind when it ends.",
        ("tests/life/test_life.py", "tests/edges/test_lock.py", "tests/app/test_signals.py"),
        ("life",),
    ),
    Promise(
        14,
        "Flat",
        "Memory, descriptors, threads, children, watches and temporary files do not grow with time.",
        ("tests/soak/test_soak.py",),
        ("soak",),
    ),
    Promise(
        15,
        "Poison heals",
        "Bytes of the state that flipped, and files of it that were cut or replaced, are found and made anew.",
        (
            "tests/app/test_doctor.py",
            "tests/crash/test_poison.py",
            "tests/app/test_daemon.py::test_a_state_that_is_deleted_under_the_daemon_is_made_anew",
        ),
        ("crash",),
    ),
    Promise(
        16,
        "Nobody else drives it",
        "The socket answers its own user alone, names are quoted and escaped; [security](security.md) has all of it.",
        (
            "tests/edges/test_api.py",
            "tests/app/test_answers.py",
            "tests/life/test_hostile.py",
            "tests/test_security.py",
        ),
        (),
    ),
    Promise(
        17,
        "It always settles",
        "Its own writes wake nobody, and after the last save it is quiet within a bound.",
        ("tests/edges/test_watch.py::test_cookies_and_our_own_state_never_wake_anybody",),
        ("campaign --daemon", "sim"),
    ),
    Promise(
        18,
        "The tests bite",
        "Plausible mistakes are planted one by one in the sources, and tests fail for each.",
        ("tests/mutants/test_breaks.py",),
        ("mutants",),
    ),
    Promise(
        19,
        "The graph of source code is right",
        "Scopes, names, definitions and imports are as Python has them, and calls reach what their edges say.",
        ("tests/cpg/test_outside.py", "tests/cpg/test_imports.py", "tests/cpg/test_traced.py"),
        ("cpg.traced",),
    ),
)

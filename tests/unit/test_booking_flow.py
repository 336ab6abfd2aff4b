"""A suite is read without being imported, run in a process of its own, and stopped by its pid."""

import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from uuid import uuid4

import pytest

from prodtest_assets.booking_flow.discovery import SuiteTest, run_again, suite_folder, suite_tests
from prodtest_assets.booking_flow.process import start_suite, stop_suite
from prodtest_assets.errors import ConfigurationError

_SECONDS = 20.0


def write(folder: Path, **files: str) -> Path:
    """Write `files` by their module's name."""
    for name, source in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    return folder


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not appear"
        time.sleep(0.05)


def test_tests_are_found_in_files_and_classes_without_importing_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_calls="""
            raise RuntimeError("imported")

            def test_it():
                "A call is answered.

                At once."

            class TestBooking:
                async def test_saves_the_row(self): ...
                def helper(self): ...
                class TestAgain:
                    def test_deeper(self): ...

            def helper(): ...
        """.replace('"A call', '"""A call').replace('once."', 'once."""'),
        helpers="def test_not_in_a_test_file(): ...",
    )

    assert suite_tests(tmp_path) == (
        SuiteTest("test_it", "test_calls.py::test_it", "A call is answered."),
        SuiteTest("test_saves_the_row", "test_calls.py::TestBooking::test_saves_the_row", "Saves the row"),
        SuiteTest("test_deeper", "test_calls.py::TestBooking::TestAgain::test_deeper", "Deeper"),
    )


def test_tests_that_share_a_name_are_told_apart_by_class_and_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_a="""
            def test_same(): ...
            class TestOne:
                def test_x(self): ...
            class TestTwo:
                def test_x(self): ...
        """,
        test_b="def test_same(): ...",
    )

    names = [test.check_name for test in suite_tests(tmp_path)]

    assert names == ["test_a__test_same", "TestOne__test_x", "TestTwo__test_x", "test_b__test_same"]


def test_what_pytest_runs_is_what_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        calls_test="""
            from unittest import TestCase

            import pytest

            def test_twice(): ...
            def test_twice(): ...

            @pytest.fixture
            def testament(): ...

            class Answers(TestCase):
                def test_old_style(self): ...

            class Shared:
                def test_inherited(self): ...

            class TestBooking(Shared):
                def test_own(self): ...

            class TestHelper:
                __test__ = False
                def test_not_meant(self): ...

            class TestMade:
                def __init__(self): ...
                def test_not_made(self): ...
        """,
    )
    for folder in (".venv", "build", "environment"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, test_of_others="def test_somebody_elses(): ...")
    (tmp_path / "environment" / "pyvenv.cfg").touch()

    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-W", "ignore", "-p", "no:cacheprovider", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        check=True,
    ).stdout
    assert {test.node_id for test in suite_tests(tmp_path)} == {line for line in collected.splitlines() if "::" in line}


def test_no_names_of_files_and_functions_keep_the_definitions_from_loading(tmp_path: Path) -> None:
    for folder in ("our-tests", "our tests"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, test_calls="def test_it(): ...")
    write(tmp_path, test_calls="def test_it(): ...\ndef test_größe(): ...")

    assert [(test.check_name, test.node_id) for test in suite_tests(tmp_path)] == [
        ("our__tests__test_calls__test_it", "our tests/test_calls.py::test_it"),
        ("test_calls__test_it", "test_calls.py::test_it"),
        ("test_gr__e", "test_calls.py::test_größe"),
    ]


def test_the_test_of_a_check_can_be_run_again_by_the_command_it_gives(tmp_path: Path) -> None:
    (tmp_path / "our-tests").mkdir()
    source = "def test_it(): ...\nclass TestIt:\n    def test_it(self): ..."
    write(tmp_path / "our-tests", test_calls=source)
    write(tmp_path, test_answers=source)
    commands = {test.node_id: run_again(test.check_name) for test in suite_tests(tmp_path)}
    assert commands["our-tests/test_calls.py::TestIt::test_it"] == (
        "prodtest run -k 'our and tests and test_calls and TestIt and test_it'"
    )
    for node_id, command in commands.items():
        selected = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", "-k", shlex.split(command)[-1], tmp_path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            check=True,
        ).stdout
        assert node_id in selected.splitlines()


def test_a_suite_may_be_one_file(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_it(): ...", test_b="def test_other(): ...")

    assert [test.node_id for test in suite_tests(tmp_path / "test_b.py")] == ["test_b.py::test_other"]


def test_a_file_that_is_no_python_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_it(): ...\ndef broken(:\n")

    with pytest.raises(ConfigurationError, match=r"test_a\.py, line 2"):
        suite_tests(tmp_path)


def test_a_file_that_cannot_be_read_hides_no_test_of_the_others(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_it(): ...\ndef broken(:\n", test_b="def test_other(): ...")
    (tmp_path / "test_c.py").symlink_to("nowhere")

    assert [test.node_id for test in suite_tests(tmp_path, of_readable_files=True)] == ["test_b.py::test_other"]


def test_the_configured_suite_wins_and_must_be_there(tmp_path: Path) -> None:
    assert suite_folder(tmp_path) == tmp_path.resolve()
    assert suite_folder(None).name in ("production", "suites")
    with pytest.raises(ConfigurationError, match="PRODTEST_SUITE"):
        suite_folder(tmp_path / "nowhere")


def test_a_suite_runs_to_its_end_and_says_how_it_went(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_good(): pass\ndef test_bad(): assert False\n")

    process = start_suite(tmp_path, run_id=uuid4(), stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=_SECONDS)

    assert process.returncode == 1
    assert b"1 failed, 1 passed" in out
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["test_a.py"]


def test_chosen_tests_run_alone(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_good(): pass\ndef test_bad(): assert False\n")
    good = suite_tests(tmp_path)[0]

    process = start_suite(tmp_path, run_id=uuid4(), node_ids=[good.node_id], stdout=subprocess.DEVNULL)

    assert process.wait(_SECONDS) == 0


def test_a_stopped_suite_takes_back_what_its_tests_made(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_a=f"""
            import time
            from pathlib import Path
            import pytest

            @pytest.fixture
            def row():
                Path({str(tmp_path / "made")!r}).touch()
                yield
                Path({str(tmp_path / "removed")!r}).touch()

            def test_long(row):
                time.sleep(60)
        """,
    )
    process = start_suite(tmp_path, run_id=uuid4(), stdout=subprocess.DEVNULL)
    wait_for(tmp_path / "made")

    code = stop_suite(process, patience=_SECONDS)  # on a busy machine pytest takes its time to end

    assert code == pytest.ExitCode.INTERRUPTED
    assert (tmp_path / "removed").exists()


def test_a_suite_that_ignores_requests_is_ended_by_force(tmp_path: Path) -> None:
    write(
        tmp_path,
        test_a=f"""
            import signal, time
            from pathlib import Path

            def test_stubborn():
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                Path({str(tmp_path / "ready")!r}).touch()
                time.sleep(60)
        """,
    )
    process = start_suite(tmp_path, run_id=uuid4(), stdout=subprocess.DEVNULL)
    wait_for(tmp_path / "ready")

    assert stop_suite(process, patience=0.3) == -signal.SIGKILL


def test_stopping_a_suite_that_has_ended_tells_its_code(tmp_path: Path) -> None:
    write(tmp_path, test_a="def test_it(): pass\n")
    process = start_suite(tmp_path, run_id=uuid4(), stdout=subprocess.DEVNULL)
    process.wait(_SECONDS)

    assert stop_suite(process) == 0


def test_a_suite_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    suite, beat = tmp_path / "suite", tmp_path / "beat"
    suite.mkdir()
    write(
        suite,
        test_a=f"""
            import time
            from pathlib import Path

            def test_long():
                for second in range(600):
                    Path({str(beat)!r}).write_text(str(second))
                    time.sleep(0.1)
        """,
    )
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, uuid; from pathlib import Path; from prodtest_assets.booking_flow.process import start_suite;"
            "start_suite(Path(sys.argv[1]), run_id=uuid.uuid4()).wait()",
            str(suite),
        ],
        stdout=subprocess.DEVNULL,
    )
    wait_for(beat)

    parent.kill()
    parent.wait()

    time.sleep(1.5)
    last = beat.read_text()
    time.sleep(1)
    assert beat.read_text() == last

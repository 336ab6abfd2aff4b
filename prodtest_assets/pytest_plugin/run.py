"""One run of a suite: how its tests ended, and its end."""

from uuid import UUID

import pytest

from prodtest_assets.caller.script import CallerWishes
from prodtest_assets.errors import ProdtestError
from prodtest_assets.pytest_plugin.calls import Calls
from prodtest_assets.pytest_plugin.context import Slots
from prodtest_assets.pytest_plugin.deployment import Deployment
from prodtest_assets.pytest_plugin.endings import Endings


class SuiteRun:
    """The part of the plugin that lives as long as the session.

    Attributes:
        deployment: what is tested.
        calls: what was and will be placed.
    """

    PLUGIN_NAME = "prodtest-run"

    def __init__(self, run_id: UUID) -> None:
        self.deployment = Deployment()
        self.calls = Calls(run_id, self.deployment)
        self._endings = Endings()
        self._slots: Slots | None = None

    def slots(self) -> Slots:
        """The appointments callers may ask for; one for the whole run, so that no two want the same."""
        if self._slots is None:
            settings = self.deployment.settings
            wishes = self.deployment.target.script.caller if settings.test_url else CallerWishes()
            self._slots = Slots(settings.zone, wishes.workdays)
        return self._slots

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended."""
        self._endings.note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close the run, after the last fixture has been torn down."""
        try:
            self.calls.finish(self._outcome(exitstatus), self._endings)
        except ProdtestError as error:
            self.calls.notes.append(str(error))
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        finally:
            self.deployment.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what no single test can be blamed for."""
        if self.calls.notes:
            terminalreporter.section("production booking tests")
            for note in dict.fromkeys(self.calls.notes):
                terminalreporter.line(note)

    def _outcome(self, exitstatus: int) -> str:
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            return "abandoned"
        return "passed" if exitstatus == pytest.ExitCode.OK and self._endings.count("passed") else "failed"


def run_of(config: pytest.Config) -> SuiteRun:
    """The run that `config` leads."""
    run = config.pluginmanager.get_plugin(SuiteRun.PLUGIN_NAME)
    assert isinstance(run, SuiteRun)  # pytest_configure has registered it
    return run

"""Makes the tables of Dagster's storage, and closes runs whose process is gone. Ends by itself."""


def main() -> None:
    """Prepare the storage that `DAGSTER_HOME` names. No other Dagster is at work on it."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    at_work = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    with DagsterInstance.get() as instance:
        for run in instance.get_runs(RunsFilter(statuses=at_work)):
            instance.report_run_failed(run, "its process is gone: `prodtest dev` was stopped meanwhile")


if __name__ == "__main__":
    main()

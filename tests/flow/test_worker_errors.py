"""What goes wrong in a worker process is reported as if it had gone wrong here."""

from tenfold.jobs.pool import Job, JobSource
from tenfold.runs.seeds import Seeds, train_seeds


def test_a_seed_that_diverges_immediately_is_kept_as_failed(quick, two_workers, tmp_path):
    recipe = quick.replace(optimizer="sgd", learning_rate=1e30, epochs=1)
    done = train_seeds(recipe, 2, open_pool=two_workers, folder=tmp_path)
    assert sorted(done.failed) == sorted(Seeds.load(done.path).failed) == [0, 1]


def fail(report, folder):
    return 1 / 0


class OneJob(JobSource):
    """A single call of a function; keeps its outcome."""

    def __init__(self, function) -> None:
        self.jobs = iter([Job(key=0, function=function)])

    def on_done(self, job, outcome):
        self.outcome = outcome


def test_an_error_in_a_worker_arrives_with_its_traceback(two_workers):
    source = OneJob(fail)
    with two_workers() as pool:
        pool.run(source)
    outcome = source.outcome
    assert (outcome.kind, outcome.message) == ("invalid", "ZeroDivisionError: division by zero")
    assert isinstance(outcome.error, ZeroDivisionError)
    assert "in fail" in outcome.error.__notes__[0]

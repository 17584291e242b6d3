from datetime import UTC, datetime, timedelta

import pytest

from harness.errors import ReportError
from harness.report.filters import Selection, parse_filter, parse_since
from harness.tracking.runs import read_runs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def runs(stores):
    found = read_runs(stores["uri"], "demo")
    return found[found["tags.harness.kind"] == "cell"].reset_index(drop=True)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("seed=1", 4),
        ("params.seed = 1.0", 4),
        ("seed!=1", 5),
        ("sparsity.target>0.5", 2),
        ("sparsity.target>=0.5", 5),
        ("sparsity.target=None", 4),
        ("sparsity.label=dense", 3),
        ("test/accuracy<0.97", 2),
        ("metrics.test/accuracy>=0.98", 5),
        ("scale=small", 9),
        ("tags.harness.scale=full", 0),
        ("harness.git_dirty=false", 9),
        ("status=FINISHED", 9),
        ("seed==1", 4),
        ("sparsity.label = 'dense'", 3),
        ('params.`sparsity.label`="dense"', 3),
    ],
)
def test_a_comparison_with_a_parameter_metric_or_tag(runs, text, count):
    assert parse_filter(text).keeps(runs).sum() == count


@pytest.mark.parametrize(
    "text", ["seed", "=1", "seed>one", "", "seed>", "a b", "seed=>1", "seed=<1"]
)
def test_what_is_no_comparison_is_refused(text):
    with pytest.raises(ReportError, match="--filter: received") as caught:
        parse_filter(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_key_is_answered_with_those_there_are(runs):
    with pytest.raises(ReportError, match=r"'sparsity\.goal'; accepted: run_id, status"):
        parse_filter("sparsity.goal=1").keeps(runs)
    with pytest.raises(ReportError, match=r"accepted: .*model\.name"):
        parse_filter("dataset.name.name=x").keeps(runs)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("36h", NOW - timedelta(hours=36)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-11-24T08:00+00:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24).astimezone(UTC)),
    ],
)
def test_since(text, moment):
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "7", "d", "2026-13-01", "99999999999w"])
def test_no_time_is_refused(text):
    with pytest.raises(ReportError, match="--since: received"):
        parse_since(text)


def test_runs_before_a_time_are_left_out_with_the_reason(runs):
    middle = runs["start_time"].sort_values().iloc[4]
    (reason,) = Selection(since=middle.to_pydatetime()).reasons(runs).items()
    assert reason[0].startswith("started before 2023-11-14")
    assert reason[1].sum() == 4

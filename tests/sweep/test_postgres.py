"""A sweep whose runs are kept by an MLflow server over PostgreSQL, of which a part goes away.

`pytest -m slow tests/sweep/test_postgres.py`, where PostgreSQL and the extra `[postgres]` are
installed; left out elsewhere.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import SWEEP
from tests.runs import by_sparsity, runs
from tests.servers import Server, free_port
from tests.settings import harness
from tests.sweep.test_delivery import assert_as_undisturbed, then

psycopg2 = pytest.importorskip("psycopg2", reason="the extra [postgres] is not installed")
#: Where Debian has what only a database's owner calls.
PLACES = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
INITDB = shutil.which("initdb", path=os.pathsep.join([*PLACES, os.environ["PATH"]]))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(INITDB is None, reason="PostgreSQL is not installed"),
]
SECONDS_AWAY = 60


class Database:
    """A PostgreSQL of the test's own, on this machine alone; it refuses to be root's."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(folder, self._owner)
        self._call(str(INITDB), "-D", str(folder / "data"), "-U", "harness", "--auth=trust")

    def _call(self, *words: str) -> None:
        user = self._owner if os.geteuid() == 0 else None
        done = subprocess.run(words, cwd="/", user=user, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _control(self, *words: str) -> None:
        pg_ctl = Path(str(INITDB)).with_name("pg_ctl")
        self._call(str(pg_ctl), "-D", str(self._folder / "data"), "-w", *words)

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        self._control("-l", str(self._folder / "log.txt"), "-o", options, "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def uri(self, name: str) -> str:
        return f"postgresql://harness@127.0.0.1:{self.port}/{name}"

    def make(self, name: str) -> str:
        with closing(psycopg2.connect(self.uri("postgres"))) as db:
            db.autocommit = True
            db.cursor().execute(f"CREATE DATABASE {name}")
        return self.uri(name).replace("postgresql", "postgresql+psycopg2")

    def has_loaded_data(self, name: str) -> bool:
        """Whether a cell is about to train."""
        try:
            with closing(psycopg2.connect(self.uri(name))) as db, db.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM tags WHERE key = 'harness.data'")
                return bool(cursor.fetchone()[0])
        except psycopg2.Error:  # the tables are not made
            return False


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Database(Path(folder))
        made.start()
        yield made
        made.stop()


@pytest.mark.parametrize("stopped", ["server", "database"])
def test_stopped_for_a_minute_in_mid_sweep(swept, database, tmp_path, stopped):
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    server = Server(tmp_path, database.make(stopped)).start()

    def away() -> None:
        if stopped == "server":
            server.kill()
            time.sleep(SECONDS_AWAY)
            server.start()
        else:
            database.stop()
            time.sleep(SECONDS_AWAY)
            database.start()

    stopping = then(lambda: database.has_loaded_data(stopped), away)
    try:
        done = harness("sweep", "tiny.yaml", f"tracking.uri={server.uri}", cwd=tmp_path)
        stopping.join()
        assert done.returncode == 0, done.stdout + done.stderr
        told = f"harness: the store {server.uri}"  # where cells ended before it was back
        waited = [f"{told} does not answer; waiting for it", f"{told} answers again"]
        assert done.stderr.splitlines() in ([], waited)
        assert "training goes on, and what it logs waits in" in done.stdout
        found = by_sparsity(server.uri)
        assert_as_undisturbed(found, by_sparsity(swept.uri))
        for run in found.values():
            artifacts = run.client.get_run(run.id).info.artifact_uri
            assert artifacts.startswith("mlflow-artifacts:"), "kept by the server"
        (parent,) = runs(server.uri, "sweep")
        assert parent.status == "FINISHED"
        assert "table/table.md" in parent.files()
    finally:
        server.kill()


def test_without_a_server_the_database_itself_keeps_the_runs(swept, database, tmp_path):
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    uri = database.make("direct")
    done = harness("sweep", "tiny.yaml", f"tracking.uri={uri}", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    cells = by_sparsity(uri)
    undisturbed = by_sparsity(swept.uri)
    assert {name: run.metrics["test/accuracy"] for name, run in cells.items()} == {
        name: run.metrics["test/accuracy"] for name, run in undisturbed.items()
    }

"""A disk that is full before a command begins: one line, and once there is room the same command.

The disk is a small one in memory that only the command sees; where none can be mounted by
users, this is left out.
"""

import subprocess

import pytest

from tests.runs import runs
from tests.settings import TINY, command, environment

#: A cell is trained for each place, on a system that lets users mount.
pytestmark = pytest.mark.slow

#: Mounts a disk at $1, fills it, runs the command, makes room and runs it again; what is printed
#: goes to files named in $2.
SCRIPT = """
disk=$1 told=$2; shift 2
mount -t tmpfs -o size=64k tmpfs "$disk" || exit 9
mkdir "$disk/folder"
cat /dev/zero > "$disk/filler" 2> /dev/null
"$@" > "$told/full.out" 2> "$told/full.err"; echo $? > "$told/full.code"
mount -o remount,size=1g "$disk"
"$@" > "$told/free.out" 2> "$told/free.err"; echo $? > "$told/free.code"
cp -r "$disk/folder" "$told"
"""


def unshared(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Runs a command as one that may mount, for itself alone."""
    return subprocess.run(
        ["unshare", "-rm", *words], capture_output=True, text=True, timeout=900, **more
    )


@pytest.mark.parametrize("place", ["store", "work_dir", "TMPDIR"])
def test_a_disk_that_is_full_from_the_start(tmp_path, place):
    disk, told = tmp_path / "disk", tmp_path / "told"
    for folder in (disk, told):
        folder.mkdir()
    if unshared("mount", "-t", "tmpfs", "tmpfs", str(disk)).returncode:
        pytest.skip("users may not mount here")
    where = {"store": tmp_path, "work_dir": tmp_path / "work", "TMPDIR": tmp_path}
    where[place] = disk / "folder"
    cell = command(
        "run", *TINY, "export.formats=[]",
        f"tracking.uri=sqlite:///{where['store'] / 'mlflow.db'}", f"work_dir={where['work_dir']}",
    )  # fmt: skip
    done = unshared(
        "sh", "-c", SCRIPT, "sh", str(disk), str(told), *cell,
        cwd=tmp_path, env=environment() | {"TMPDIR": str(where["TMPDIR"])},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    def words(name: str) -> str:
        return (told / name).read_text()

    printed = words("full.out") + words("full.err")
    assert "Traceback" not in printed
    if place == "TMPDIR":  # Python takes the next of those that there are
        assert (words("full.code"), words("full.err")) == ("0\n", ""), printed
    else:
        assert words("full.code") == "2\n", printed
        (line,) = words("full.err").splitlines()
        assert words("full.out") == ""
        key = {"store": "tracking.uri", "work_dir": "work_dir"}[place]
        assert line.startswith(f"harness: {key}: received "), line
        assert "free some, or choose" in line

    assert (words("free.code"), words("free.err")) == ("0\n", ""), words("free.out")
    kept = told / "folder" if place == "store" else tmp_path
    (run,) = runs(f"sqlite:///{kept / 'mlflow.db'}")
    assert run.status == "FINISHED"

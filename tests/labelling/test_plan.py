# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.contracts.errors import DataError, UsageError
from leadline.data.label_folder import manifest_path
from leadline.labelling.plan import alone_in, make_plan, remove_leftovers
from tests.labelling.toys import jpeg, label_all, request_for, shards_of, write_pictures, write_tar

_PLAN = """
import json, sys, time
from pathlib import Path
start = time.perf_counter()
from leadline.data.picture_shards import picture_shards
from leadline.labelling.plan import alone_in, make_plan, remove_leftovers
tars, out = map(Path, sys.argv[1:])
with alone_in(out):
    plan = make_plan(picture_shards(tars, pictures_per_shard=1000), out)
    remove_leftovers(out, plan.pending)
    seconds = time.perf_counter() - start
    pictures = sum(record.pictures for record in plan.done.values())
# not getrusage, which counts what the parent had before this program was started
status = Path("/proc/self/status").read_text()
rss = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([len(plan.done), len(plan.pending), pictures, seconds, rss]))
"""


def test_make_plan__is_the_difference_of_all_and_done(tmp_path: Path) -> None:
    request = request_for(write_pictures(tmp_path / "pictures", 7), tmp_path / "out")
    shards = shards_of(request)
    assert [shard.index for shard in make_plan(shards, request.out).pending] == [0, 1, 2, 3]
    label_all(request)
    manifest_path(request.out, 2).unlink()
    plan = make_plan(shards, request.out)
    assert sorted(plan.done) == [0, 1, 3]
    assert [shard.index for shard in plan.pending] == [2]


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_share__gives_each_shard_to_one_rank_whatever_is_done(tmp_path: Path, world: int) -> None:
    request = request_for(write_pictures(tmp_path / "pictures", 7), tmp_path / "out")
    label_all(request)
    manifest_path(request.out, 1).unlink()
    plan = make_plan(shards_of(request), request.out)
    shares = [plan.share(rank=rank, world=world) for rank in range(world)]
    assert sorted(shard.index for share in shares for shard in share.shards) == [0, 1, 2, 3]
    assert [shard.index for share in shares for shard in share.pending] == [1]
    assert [shard.index for shard in shares[1 % world].pending] == [1]
    assert sum(len(share.done) for share in shares) == 3


def test_make_plan__refuses_pictures_that_moved_within_the_shards(tmp_path: Path) -> None:
    request = request_for(write_pictures(tmp_path / "pictures", 6), tmp_path / "out")
    label_all(request)
    (request.images / "001new.jpg").write_bytes(jpeg(9))
    with pytest.raises(UsageError, match=r"pictures that .*out was begun with; got shard 0 was folder-000000 with 2"):
        make_plan(shards_of(request), request.out)


def test_make_plan__refuses_tars_that_changed_places_but_takes_new_ones_behind(tmp_path: Path) -> None:
    tars = tmp_path / "tars"
    write_tar(tars / "b.tar", {"1.jpg": jpeg(1)})
    request = request_for(tars, tmp_path / "out")
    label_all(request)
    write_tar(tars / "c.tar", {"2.jpg": jpeg(2)})
    assert [shard.name for shard in make_plan(shards_of(request), request.out).pending] == ["c.tar"]
    write_tar(tars / "a.tar", {"3.jpg": jpeg(3)})
    with pytest.raises(UsageError, match=r"shard 0 was b\.tar, is a\.tar"):
        make_plan(shards_of(request), request.out)


def test_make_plan__refuses_a_source_that_lost_shards_and_a_torn_manifest(tmp_path: Path) -> None:
    request = request_for(write_pictures(tmp_path / "pictures", 6), tmp_path / "out")
    label_all(request)
    with pytest.raises(UsageError, match="a finished shard 2, where the source has 2"):
        make_plan(shards_of(request)[:2], request.out)
    path = manifest_path(request.out, 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"shard-000001\.jsonl \(no closing line"):
        make_plan(shards_of(request), request.out)


def test_remove_leftovers__removes_half_written_files_of_its_shards_alone(tmp_path: Path) -> None:
    request = request_for(write_pictures(tmp_path / "pictures", 6), tmp_path / "out")
    label_all(request)
    before = sorted(path.name for path in request.out.iterdir())
    for name in (".shard-000001.1a2b3c4d.partial.tar", ".shard-000001.1a2b3c4d.partial.jsonl"):
        (request.out / name).write_bytes(b"half")
    other = request.out / ".shard-000002.1a2b3c4d.partial.tar"
    other.write_bytes(b"half")
    remove_leftovers(request.out, shards_of(request)[1:2])
    assert sorted(path.name for path in request.out.iterdir()) == sorted([*before, other.name])


def _hold(out: str, ready: object, go: object) -> None:
    with alone_in(Path(out)):
        ready.set()  # type: ignore[attr-defined]
        go.wait(30)  # type: ignore[attr-defined]


def test_alone_in__refuses_a_second_job_until_the_first_is_gone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), ready, go))
    other.start()
    assert ready.wait(60)
    for shared in (False, True):
        with pytest.raises(UsageError, match="another job"), alone_in(tmp_path, shared=shared):
            pass
    other.kill()
    other.join()
    with alone_in(tmp_path, shared=True), alone_in(tmp_path, shared=True):
        pass


def test_planning__62_million_pictures_half_done_takes_seconds_and_little_memory(tmp_path: Path) -> None:
    tars, out = tmp_path / "tars", tmp_path / "out"
    tars.mkdir()
    out.mkdir()
    for index in range(6200):
        (tars / f"sa_{index:06}.tar").touch()
        if index % 2:
            closing = {
                "shard": f"sa_{index:06}.tar", "index": index, "pictures": 10_000, "labels": 9_999, "dropped": 0,
                "unreadable": 1, "dead": 0, "all_sky": 0, "tar_sha256": "0" * 64, "first": "a", "last": "b",
            }  # fmt: skip
            # as long as a shard's manifest near its end is; the lines before are not read
            manifest_path(out, index).write_text("x" * 20_000 + "\n" + json.dumps({"closing": closing}) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", _PLAN, tars, out], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    finished, pending, pictures, seconds, rss_mib = json.loads(done.stdout)
    assert (finished, pending, pictures) == (3100, 3100, 31_000_000)
    assert seconds < 10
    assert rss_mib < 300

"""From the request to the file: parts, interruptions, weights. Most tests replace Pythia."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from baler.errors import BalerError, TargetExists, UsageError
from baler.physics.simulate import Request, partial, parts, run, simulate, workers
from baler.physics.simulate.parts import Made, Part
from baler.physics.simulate.store import Store

REQUEST = Request(("qcd", "zmumu"), 50, seed=3)
BLOCK = 8
SIGMA = {"qcd": 5.0, "ttbar": 3.0, "zprime": 1.0, "zmumu": 2.0, "zee": 2.0}  # pb, of quick parts


def quick(part: Part, report: Callable[[int], None]) -> Made:
    """Make events of noise."""
    random = np.random.default_rng(part.seed)
    counts = random.integers(0, 4, part.events)
    jets = ak.zip({"pt": random.exponential(50, counts.sum()).astype("f4")})
    columns = {
        "genWeight": random.exponential(1, part.events).astype("f4"),
        "MET_pt": random.exponential(20, part.events).astype("f4"),
        "Jet": ak.unflatten(jets, counts),
    }
    report(part.events)
    return Made(ak.zip(columns, depth_limit=1), SIGMA[part.process], 0.1, 10 * part.events)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Part]:
    """Replace Pythia, and return the list of parts that are made from now on."""
    done: list[Part] = []

    def make(part: Part, report: Callable[[int], None]) -> Made:
        done.append(part)
        return quick(part, report)

    monkeypatch.setattr(parts, "BLOCK", BLOCK)
    monkeypatch.setattr(run, "make_pythia", lambda lines, seed: None)
    monkeypatch.setattr(workers, "make", make)
    return done


def content(path: Path) -> dict[str, ak.Array]:
    with uproot.open(path) as file:
        tree = file["Events"]
        return {name: tree[name].array() for name in tree.keys()}  # noqa: SIM118


def same(left: Path, right: Path) -> bool:
    one, two = content(left), content(right)
    return one.keys() == two.keys() and all(ak.array_equal(one[n], two[n], True) for n in one)


def test_weights_add_up_to_the_cross_section(made: list[Part], tmp_path: Path) -> None:
    done = simulate(tmp_path / "a.root", REQUEST, jobs=1)
    events = content(tmp_path / "a.root")
    for share, name in zip(done.shares, ("qcd", "zmumu"), strict=True):
        own = np.asarray(events["genWeight"][events["run"] == share.run], float)
        assert share.process == name
        assert len(own) == share.events == 25
        assert own.sum() == pytest.approx(SIGMA[name], rel=1e-6)
        assert share.cross_section == pytest.approx(SIGMA[name])
        assert share.effective == pytest.approx(own.sum() ** 2 / (own**2).sum(), rel=1e-5)
        assert share.uncertainty == pytest.approx(0.1 * np.hypot.reduce([8, 8, 8, 1]) / 25)
    assert {share.run for share in done.shares} == {1, 4}


def test_cross_sections_of_parts_count_by_what_was_tried(tmp_path: Path) -> None:
    store = Store(tmp_path)
    two = parts.parts_of(Request(("zee",), 2 * parts.BLOCK))
    for part, sigma, tried in zip(two, (10.0, 40.0), (400, 100), strict=True):
        events = quick(part, lambda events: None).events
        store.save(part, Made(events, sigma, 1.0, tried))
    from baler.physics.simulate.writing import shares

    found = shares(Request(("zee",), 2 * parts.BLOCK), two, store)["zee"]
    assert found.cross_section == pytest.approx((10 * 400 + 40 * 100) / 500)
    assert found.uncertainty == pytest.approx(np.hypot(400, 100) / 500)


def test_processes_are_mixed_and_events_numbered(made: list[Part], tmp_path: Path) -> None:
    simulate(tmp_path / "a.root", REQUEST, jobs=1)
    events = content(tmp_path / "a.root")
    assert events["event"].tolist() == list(range(1, 51))
    assert set(events["luminosityBlock"].tolist()) == {1}
    first = events["run"][: 2 * BLOCK].tolist()
    assert first.count(1) == first.count(4) == BLOCK
    assert first != sorted(first)
    assert first != events["run"][2 * BLOCK : 4 * BLOCK].tolist()
    assert ak.all(ak.num(events["Jet_pt"]) == events["nJet"])


def test_every_event_is_written_once(made: list[Part], tmp_path: Path) -> None:
    simulate(tmp_path / "a.root", REQUEST, jobs=1)
    simulated = [quick(part, lambda events: None).events.MET_pt for part in made]
    written = content(tmp_path / "a.root")["MET_pt"]
    assert sorted(written.tolist()) == sorted(ak.concatenate(simulated).tolist())


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), OSError(errno.ENOSPC, "disk full")])
def test_the_same_request_goes_on_where_it_was(
    reason: BaseException, made: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, target = tmp_path / "whole.root", tmp_path / "a.root"
    simulate(whole, REQUEST, jobs=1)
    every, keep = list(made), workers.make
    made.clear()

    def stop(part: Part, report: Callable[[int], None]) -> Made:
        if len(made) == 3:
            raise reason
        return keep(part, report)

    monkeypatch.setattr(workers, "make", stop)
    with pytest.raises(type(reason)):
        simulate(target, REQUEST, jobs=1)
    assert not target.exists()
    assert len(list(partial(target).iterdir())) == 3

    monkeypatch.setattr(workers, "make", keep)
    said: list[tuple[int, int]] = []
    done = simulate(target, REQUEST, jobs=1, progress=lambda *now: said.append(now))
    assert made == every
    assert said[0] == (3 * BLOCK, 50)
    assert said[-1] == (50, 50)
    assert done.new == 50 - 3 * BLOCK
    assert done.notes == (f"{3 * BLOCK} events were found in {partial(target)}",)
    assert same(target, whole)
    assert not partial(target).exists()


def test_parts_of_another_request_are_not_used(
    made: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.root"
    other = parts.parts_of(Request(("qcd",), 10, seed=4))
    for part in other:
        Store(partial(target)).save(part, quick(part, lambda events: None))
    done = simulate(target, REQUEST, jobs=1)
    assert len(made) == 8
    (note,) = done.notes
    assert note == f"{partial(target)} held 2 parts of other commands, which were not used"
    assert not partial(target).exists()


def test_a_damaged_part_is_made_again(made: list[Part], tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.root", tmp_path / "a.root"
    simulate(whole, REQUEST, jobs=1)
    store = Store(partial(target))
    for part in list(made):
        store.save(part, quick(part, lambda events: None))
    made.clear()
    paths = sorted(store.folder.iterdir())
    paths[0].write_bytes(paths[0].read_bytes()[:-30])
    paths[1].write_bytes(b"")
    middle = bytearray(paths[2].read_bytes())
    middle[len(middle) // 2] ^= 1
    paths[2].write_bytes(middle)
    simulate(target, REQUEST, jobs=1)
    assert len(made) == 3
    assert same(target, whole)


def test_a_part_comes_back_as_it_was(tmp_path: Path) -> None:
    (part,) = parts.parts_of(Request(("qcd",), 20))
    before = quick(part, lambda events: None)
    store = Store(tmp_path / "x.partial")
    assert not store.holds(part)
    store.save(part, before)
    after = store.load(part)
    assert store.holds(part)
    assert ak.array_equal(before.events, after.events, True)
    assert (before.cross_section, before.tried) == (after.cross_section, after.tried)


def test_an_existing_file_survives_what_fails(
    made: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.root"
    target.write_text("precious")
    with pytest.raises(TargetExists):
        simulate(target, REQUEST, jobs=1)

    def full(path: Path, batches: object) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    keep = run.write
    monkeypatch.setattr(run, "write", full)
    with pytest.raises(OSError, match="No space") as caught:
        simulate(target, REQUEST, jobs=1, overwrite=True)
    parts_left = f"finished parts are in {partial(target)}"
    assert caught.value.__notes__ == [f"{target} is not written; {parts_left}"]
    assert target.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.root", "a.root.partial"]
    made.clear()
    monkeypatch.setattr(run, "write", keep)
    simulate(target, REQUEST, jobs=1, overwrite=True)
    assert made == []
    assert len(content(target)["event"]) == 50


def test_a_folder_of_others_is_left_alone(made: list[Part], tmp_path: Path) -> None:
    folder = partial(tmp_path / "a.root")
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    simulate(tmp_path / "a.root", REQUEST, jobs=1)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_what_cannot_succeed_fails_before_the_work(
    made: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"folder .* does not exist"):
        simulate(tmp_path / "no" / "a.root", REQUEST)
    with pytest.raises(UsageError, match=r"900,000,000,000 events need about 8100 TB; .* left"):
        run._check_space(tmp_path, 900_000_000_000)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs Pythia 8 and FastJet.*baler\[physics\]"):
        simulate(tmp_path / "a.root", REQUEST)
    assert made == []
    assert not list(tmp_path.iterdir())


def test_several_processes_make_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "BLOCK", BLOCK)
    request = Request(("zee",), 2 * BLOCK, seed=2, pileup=0.0)
    said: list[tuple[int, int]] = []
    for jobs in (1, 2):
        target = tmp_path / f"{jobs}.root"
        done = simulate(target, request, jobs=jobs, progress=lambda *now: said.append(now))
        assert said[-1] == (2 * BLOCK, 2 * BLOCK)
        assert done.notes == ()
    assert same(tmp_path / "1.root", tmp_path / "2.root")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_fails_in_another_process_is_told_here(tmp_path: Path) -> None:
    wrong = [
        Part("qcd", block, 4, 1, 1, 0.0, ("No:such = setting",)) for block in range(2)
    ]  # fmt: skip
    with pytest.raises(UsageError, match="'No:such = setting'"):
        workers.make_all(wrong, Store(tmp_path / "x"), 2, lambda events: None)


def test_a_process_that_dies_is_noticed(tmp_path: Path) -> None:
    long = Part("zee", 7, 10_000, 1, 1, 0.0, Request(("zee",)).lines("zee"))

    def kill() -> None:
        while len(children := multiprocessing.active_children()) < 2:
            time.sleep(0.05)
        for child in children:
            child.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(BalerError, match="simulated block 7 of zee ended before it was finished"):
        workers.make_all([long, long], Store(tmp_path / "x"), 2, lambda events: None)
    killer.join()
    assert not multiprocessing.active_children()

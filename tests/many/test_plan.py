"""Plans: which texts each shard and each part holds, and that a plan is read as it was written."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_runtime import SamplingParams, UsageError
from pi_runtime.checks import MAX_COUNT, MAX_SEED
from pi_runtime.many.plan import MAX_SHARDS, Plan, part

MODEL = "0123456789abcdef" * 4
PLAN = Plan(MODEL, 1000, 7, "", SamplingParams(), 100)

LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PARAMS = st.builds(
    SamplingParams,
    temperature=st.one_of(
        st.floats(0.001, 100), st.lists(st.floats(0.001, 9), min_size=1), st.just("0.2..1.0")
    ),
    max_gen_length=st.integers(1, 9999),
    top_p=st.floats(0, 1),
    forbid=LETTERS,
    stop_at=st.lists(LETTERS.filter(bool), max_size=3),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    n = draw(st.integers(1, MAX_COUNT))
    size = draw(st.integers(-(-n // MAX_SHARDS), MAX_COUNT))
    seed = draw(st.integers(0, MAX_SEED))
    return Plan(MODEL, n, seed, draw(LETTERS), draw(PARAMS), size)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 50))
def test_parts_in_order_are_the_whole(total: int, parts: int) -> None:
    found = [part(total, which, parts) for which in range(1, parts + 1)]
    assert found[0].start == 0
    assert found[-1].stop == total
    assert all(one.stop == following.start for one, following in pairwise(found))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@settings(deadline=None)
@given(plans(), st.data())
def test_each_text_is_in_one_shard(plan: Plan, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, plan.n - 1))
    shard = index // plan.shard_size
    assert index in plan.texts(shard)
    assert plan.texts(0).start == 0
    assert plan.texts(plan.shards - 1).stop == plan.n
    for each in (s for s in (shard - 1, shard + 1) if 0 <= s < plan.shards):
        assert index not in plan.texts(each)
        assert len(plan.texts(each)) > 0


@settings(deadline=None)
@given(plans())
def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    written = json.loads(json.dumps(plan.to_json()))
    again = Plan.from_json(written)
    assert again == plan
    assert again.digest == plan.digest
    assert not list(again.differences(plan))


@settings(deadline=None)
@given(plans(), plans())
def test_plans_that_differ_have_other_digests_and_say_what_differs(one: Plan, other: Plan) -> None:
    assert (one == other) == (one.digest == other.digest)
    assert (one == other) == (not list(one.differences(other)))


def test_each_difference_is_named() -> None:
    other = replace(PLAN, seed=8, params=SamplingParams(temperature=0.5))
    assert list(PLAN.differences(other)) == [
        "temperature is [1.0, 0.5, 0.2, 0.2], not [0.5]",
        "seed is 7, not 8",
    ]


def test_an_option_that_is_not_in_a_plan_has_its_default() -> None:
    """As in one of a package that did not have it."""
    written = PLAN.to_json()
    del written["params"]["min_p"]
    assert Plan.from_json(written) == PLAN
    assert Plan.from_json(written).digest == PLAN.digest


def test_too_many_shards_are_refused_with_the_size_to_take() -> None:
    with pytest.raises(UsageError, match=r"more than 10000 – take a shard size of 100000 or more"):
        Plan(MODEL, 10**9, 7, "", SamplingParams())
    assert Plan(MODEL, 10**9, 7, "", SamplingParams(), 100_000).shards == MAX_SHARDS


STRANGE: list[Any] = [
    None, True, -1, 1.5, 2**70, "\ud800", [], {"unknown": 1}, {"top_p": 2}, {"temperature": {}},
    {"stop_at": "ab"}, {"max_gen_length": "5"},
]  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=ascii)
@pytest.mark.parametrize("name", list(PLAN.to_json()))
def test_a_plan_of_a_stranger_is_checked(name: str, value: Any) -> None:
    with pytest.raises(ValueError):
        Plan.from_json({**PLAN.to_json(), name: value})


@pytest.mark.parametrize("name", list(PLAN.to_json()))
def test_a_plan_lacks_nothing(name: str) -> None:
    members = PLAN.to_json()
    del members[name]
    with pytest.raises(ValueError, match=f"{name} is missing"):
        Plan.from_json(members)

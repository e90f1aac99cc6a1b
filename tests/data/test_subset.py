# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from leadline.contracts.errors import ContractError
from leadline.contracts.sample import Field, Sample
from leadline.data.ibims_scene import IbimsAnnotations
from leadline.data.subset import EvenSubset
from tests.evaluation.toys import AnnotatedScenes, ToyScenes


class _Numbers:
    name = "numbers"
    provides = frozenset({Field.IMAGE})

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int, /) -> Sample:
        return Sample(key=self.key(index), dataset=self.name, image=torch.full((3, 1, 1), float(index)))

    def key(self, index: int, /) -> str:
        return str(index)


def test_even_subset__spreads_over_the_whole_and_keeps_keys_and_samples_together() -> None:
    subset = EvenSubset(_Numbers(), 4)
    assert [subset.key(i) for i in range(len(subset))] == ["0", "2", "5", "7"]
    assert [int(subset[i].image[0, 0, 0]) for i in range(len(subset))] == [0, 2, 5, 7]
    assert subset.name == "numbers"
    assert subset.provides == _Numbers.provides


def test_even_subset__never_asks_for_more_than_there_is() -> None:
    assert len(EvenSubset(_Numbers(), 1000)) == 10


def test_even_subset__hands_on_the_annotations_of_the_chosen_item() -> None:
    whole = AnnotatedScenes(count=4)
    subset = EvenSubset(EvenSubset(whole, 4), 2)
    known = subset.annotations(1)
    assert isinstance(known, IbimsAnnotations)
    assert known.edges is whole.annotations(2).edges  # the toy keeps them
    assert known.edges is not whole.annotations(1).edges


def test_even_subset__of_a_dataset_that_knows_nothing_more_says_so() -> None:
    with pytest.raises(ContractError, match="a dataset with annotations beside its samples; got 'toy'"):
        EvenSubset(ToyScenes(), 2).annotations(0)

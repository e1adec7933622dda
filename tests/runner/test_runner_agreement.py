"""What outputs are compared by beside their numbers: classes, masks, the order of embeddings' similarities."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from bench.runner.correctness import Judge, compare


def judged(references, outputs, kind, tolerance=None, masks=None, threshold=0.5):
    sets = [[{"y": np.asarray(array, float)} for array in arrays] for arrays in (references, outputs)]
    return compare(*sets, Judge(tolerance or {}, kind, threshold), masks)


def test_top5_is_the_share_of_the_five_largest_whatever_their_order():
    reference = np.arange(10.0).reshape(1, 10)  # its five largest: 5 to 9
    order = reference.copy()
    order[0, 5:] = order[0, 5:][::-1]
    lost = reference.copy()
    lost[0, 0] = 99
    assert judged([reference], [order], "classification").top5_agreement == 1
    found = judged([reference], [lost], "classification", {"top5": 0.9})
    assert (found.top5_agreement, found.top1_agreement, found.output_ok) == (0.8, 0.0, False)
    assert judged([reference], [lost], "classification", {"top5": 0.8}).output_ok


def test_the_worst_set_counts_and_five_classes_have_no_top5():
    reference = np.eye(4)
    found = judged([reference] * 2, [reference, reference[[0, 1, 2, 0]]], "classification")
    assert (found.top1_agreement, found.top5_agreement) == (0.75, None)


def test_masks_overlap_above_their_threshold():
    reference, output = [[0.9, 0.9, 0.9, 0.1]], [[0.9, 0.9, 0.1, 0.9]]
    found = judged([reference], [output], "mask", {"iou": 0.6})
    assert (found.iou, found.output_ok) == (0.5, False)
    assert judged([reference], [output], "mask", threshold=0.05).iou == 1
    assert judged([reference], [output], "mask", {"iou": 0.5}).output_ok


def test_two_empty_masks_say_nothing_and_fail_no_bound():
    found = judged([[[0.1, 0.2]]], [[[0.2, 0.1]]], "mask", {"iou": 0.9})
    assert (found.iou, found.output_ok) == (None, True)


def embeddings(count=6, hidden=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, hidden))


def test_ranks_are_spearmans_of_all_pairs_of_all_sets():
    reference, noise = embeddings(), 0.3 * embeddings(seed=1)

    def cosines(array):
        unit = array / np.linalg.norm(array, axis=1, keepdims=True)
        return [unit[i] @ unit[j] for i in range(6) for j in range(i + 1, 6)]

    expected = spearmanr(cosines(reference), cosines(reference + noise)).statistic
    for split in (1, 2, 3, 6):  # into sets, which changes nothing
        sets = [np.split(array, split) for array in (reference, reference + noise)]
        assert judged(*sets, "embedding").rank_agreement == pytest.approx(expected)
    assert 0 < expected < 1
    found = judged([reference], [reference + noise], "embedding", {"rank": expected + 0.01})
    assert found.output_ok is False


def test_ranks_do_not_see_a_rotation_or_a_scale_as_retrieval_does_not():
    reference = embeddings()
    turned = reference @ np.linalg.qr(embeddings(8, 8, seed=2))[0] * 3
    found = judged([reference], [turned], "embedding")
    assert found.rank_agreement == pytest.approx(1)
    assert found.cosine < 0.9


def test_too_few_embeddings_have_no_ranks():
    assert judged([embeddings(3)], [embeddings(3)], "embedding").rank_agreement is None
    assert judged([embeddings(4)], [embeddings(4)], "embedding").rank_agreement == pytest.approx(1)
    assert judged([np.ones((4, 8))], [np.ones((4, 8))], "embedding").rank_agreement is None  # all alike: no order


def test_tokens_are_pooled_and_those_the_mask_leaves_out_change_nothing():
    reference = np.random.default_rng(3).normal(size=(6, 5, 8))
    mask = np.ones((6, 5), int)
    mask[:, 3:] = 0
    padded = reference.copy()
    padded[:, 3:] += 100 * np.random.default_rng(4).normal(size=(6, 2, 8))
    assert judged([reference], [padded], "embedding", masks=[mask]).rank_agreement == pytest.approx(1)
    assert judged([reference], [padded], "embedding").rank_agreement < 0.9


@pytest.mark.parametrize("kind", ["classification", "mask", "embedding"])
def test_a_kind_is_not_asked_of_text_or_of_nothing(kind):
    sets = [{"label": np.array(["cat"]), "empty": np.zeros((0, 8))}]
    assert compare(sets, sets, Judge({}, kind)).output_ok

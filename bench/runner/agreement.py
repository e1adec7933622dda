"""How far two outputs say the same, by what they are: classifications, masks, embeddings."""

from collections.abc import Callable
from typing import Any

import numpy as np

TOP = 5
FEWEST_EMBEDDINGS = 4  # whose six similarities have an order worth comparing

Arrays = list[Any]


def by_kind(kind: str, references: Arrays, outputs: Arrays, masks: Arrays, threshold: float) -> dict[str, float]:
    """Return what is measured of one output of this kind over all input sets; nothing where there is nothing to say.

    `references` and `outputs` hold that output for each set, `masks` the set's attention mask or None.
    """
    measure = MEASURES.get(kind)
    floats = all(array.dtype.kind in "fiu" and array.size for array in (*references, *outputs))
    return measure(references, outputs, masks, threshold) if measure and floats else {}


def _classes(references: Arrays, outputs: Arrays, masks: Arrays, threshold: float) -> dict[str, float]:
    """Share of rows (all axes but the last) whose largest element is the same, and of the five largest; the lowest."""
    found: dict[str, float] = {}
    for ref, out in zip(references, outputs, strict=True):
        if ref.ndim < 2:
            continue
        same = float(np.mean(np.argmax(ref, axis=-1) == np.argmax(out, axis=-1)))
        found["top1_agreement"] = min(found.get("top1_agreement", 1.0), same)
        if ref.shape[-1] > TOP:
            first, second = (np.argpartition(array, -TOP, axis=-1)[..., -TOP:] for array in (ref, out))
            shared = float(np.mean((first[..., :, None] == second[..., None, :]).any(axis=-1)))
            found["top5_agreement"] = min(found.get("top5_agreement", 1.0), shared)
    return found


def _overlap(references: Arrays, outputs: Arrays, masks: Arrays, threshold: float) -> dict[str, float]:
    """Intersection over union (Jaccard) of what is above the threshold; the lowest. Two empty masks are left out."""
    shares = []
    for ref, out in zip(references, outputs, strict=True):
        expected, actual = ref > threshold, out > threshold
        union = int(np.sum(expected | actual))
        if union:
            shares.append(int(np.sum(expected & actual)) / union)
    return {"iou": min(shares)} if shares else {}


def _order(references: Arrays, outputs: Arrays, masks: Arrays, threshold: float) -> dict[str, float]:
    """Spearman's correlation of the pairwise cosine similarities, over the embeddings of all sets.

    What retrieval is about is which texts are nearer than others; Spearman's is how benchmarks of sentence similarity
    compare it (Reimers, Beyer and Gurevych 2016). Left out with fewer than four embeddings, or where all are alike.
    """
    from scipy.stats import spearmanr

    if references[0].ndim not in (2, 3):
        return {}
    expected, actual = (_similarities(arrays, masks) for arrays in (references, outputs))
    if len(expected) < FEWEST_EMBEDDINGS * (FEWEST_EMBEDDINGS - 1) // 2:
        return {}
    if np.ptp(expected) == 0 or np.ptp(actual) == 0:
        return {}
    return {"rank_agreement": float(spearmanr(expected, actual).statistic)}


def _similarities(arrays: Arrays, masks: Arrays) -> Any:
    """Return the cosine similarity of every pair of items; those with a vector for each token are pooled first."""
    pooled = [_pooled(array.astype(np.float64), mask) for array, mask in zip(arrays, masks, strict=True)]
    vectors = np.nan_to_num(np.concatenate(pooled))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths == 0, 1, lengths)
    return (unit @ unit.T)[np.triu_indices(len(unit), k=1)]


def _pooled(array: Any, mask: Any) -> Any:
    """Return (batch, hidden): the mean over the tokens that the attention mask lets in, as sentence encoders do."""
    if array.ndim == 2:
        return array
    if mask is None or mask.shape != array.shape[:2]:
        return array.mean(axis=1)
    weights = mask.astype(np.float64)[..., None]
    return (array * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)


MEASURES: dict[str, Callable[[Arrays, Arrays, Arrays, float], dict[str, float]]] = {
    "classification": _classes,
    "mask": _overlap,
    "embedding": _order,
}

"""What learners write for Entropy and mutual information that is wrong: each must fail at the cell it names."""

import heapq
import math

import numpy as np

from autograder.catalogue import wrong


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="The base is ignored: the result is in nats whatever is asked for.")
def base_ignored(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="Multiplied by log(base): the change of base goes the other way.")
def base_inverted(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) * np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-breaks", misconception="0·log 0 is left to NumPy, where it is not a number.")
def zero_times_infinity(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return -(p * np.log(p)).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="A mean over outcomes where the expectation belongs.")
def mean_over_outcomes(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).mean(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="The sum runs over the whole batch, not over the last axis.")
def batch_summed(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum() / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-breaks", misconception="An epsilon inside the logarithm distorts small probabilities.")
def epsilon_added(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return -(p * np.log(p + 1e-12)).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="The default unit is the bit, not the nat.")
def bits_by_default(p, base=2):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="What is no distribution is accepted.")
def nothing_refused(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1:
        raise ValueError("base")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-breaks", misconception="Probabilities are cut off at 1e-15: whatever is rarer looks less surprising than it is.")
def clipped(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return -(p * np.log(np.clip(p, 1e-15, 1.0))).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="A negative entry passes if it is small.")
def small_negatives_accepted(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < -1e-6).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="The sum is compared with np.allclose, whose rtol of 1e-5 stays in force.")
def sum_too_lenient(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or not np.allclose(p.sum(axis=-1), 1, atol=1e-6):
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) / np.log(base)


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="Zeros are replaced in the caller's own array.")
def input_changed(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (np.abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise ValueError("input")
    p[p == 0] = 1.0
    return -(p * np.log(p)).sum(axis=-1) / np.log(base)


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="A mean per text, then the mean of these: short texts weigh too much.")
def mean_per_text(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    means = [row[keep].mean() for row, keep in zip(log_probs, mask) if keep.any()]
    return float(np.exp(-np.mean(means)))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="The texts' perplexities are averaged: the exponential comes before the mean.")
def mean_of_perplexities(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.mean([np.exp(-row[keep].mean()) for row, keep in zip(log_probs, mask) if keep.any()]))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="Padding is counted in the mean.")
def padding_counted(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-log_probs.mean()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="Padding is set to 0, but still divides: the mean runs over all positions.")
def divided_by_all(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-np.where(mask, log_probs, 0.0).mean()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="Padding is multiplied by 0, and infinity or not-a-number survives that.")
def padding_multiplied(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-(log_probs * mask).sum() / mask.sum()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="The mean of the inverse probabilities: an arithmetic mean for a geometric one.")
def mean_of_inverses(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-log_probs[mask]).mean())


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="A power of 2, although the logarithms are natural.")
def power_of_two(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(2 ** -log_probs[mask].mean())


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="The number of entries is compared, not the shape: a mask the wrong way round passes.")
def sizes_compared(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.size != log_probs.size or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-log_probs.ravel()[mask.ravel()].mean()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-breaks", misconception="Padding is taken to stand at the end of each text, wherever the mask has it.")
def padding_at_the_end(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    counted = [row[:n] for row, n in zip(log_probs, mask.sum(axis=1))]
    return float(np.exp(-np.concatenate(counted).mean()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="Infinite surprise is dropped, so an impossible token costs nothing.")
def infinities_dropped(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-log_probs[mask & np.isfinite(log_probs)].mean()))


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="The largest logit is not subtracted: the exponential overflows.")
def no_shift(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    log_q = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits",
       misconception="The logarithm of a softmax with an epsilon: a confident mistake costs 27.6 at most.")
def log_of_softmax(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    log_q = np.log(weights / weights.sum(axis=-1, keepdims=True) + 1e-12)
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-cross", misconception="The losses are averaged, where one per example is asked for.")
def averaged(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return np.mean(-(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1))


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="The softmax runs over the examples, axis 0.")
def softmax_over_examples(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=0, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="Smoothing is ignored.")
def smoothing_ignored(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits",
       misconception="Smoothing is spread over the other classes only: the label's own share s/K is missing.")
def smoothing_over_others(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    classes = logits.shape[-1]
    if (labels < 0).any() or (labels >= classes).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * (log_q.sum(axis=-1) - picked) / max(classes - 1, 1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="The smoothing term is a sum over classes, not their mean.")
def smoothing_summed(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.sum(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-cross", misconception="A negative label is accepted, since NumPy counts it from the end.")
def negative_label(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits",
       misconception="One maximum is subtracted from the whole batch: in a row far below it every exponential is 0.")
def one_maximum_for_all(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(initial=-np.inf)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits",
       misconception="The mean of the row is subtracted, not its maximum: one logit far above the mean still overflows.")
def mean_subtracted(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.mean(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-breaks", misconception="Computed in the dtype of the logits, and widened to float64 at the end.")
def in_the_dtype_of_the_logits(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return (-(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)).astype(np.float64)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits",
       misconception="The label gets 1 - s and every other class s/K: the target sums to less than one.")
def own_share_missing(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    classes = logits.shape[-1]
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    target = np.where(np.arange(classes) == labels[..., None], 1 - smoothing, smoothing / classes)
    return -(target * log_q).sum(axis=-1)


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="The counts are not divided by their sum.")
def counts_not_normalised(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((table[seen] * np.log(joint[seen] / product[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-breaks", misconception="A cell of zero gives 0·log 0, which is not a number.")
def zero_cells(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    return float((joint * np.log(joint / product)).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="The ratio is upside down.")
def ratio_inverted(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(product[seen] / joint[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual",
       misconception="Weighted by the product of the margins: the KL divergence in the other direction.")
def weighted_by_product(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((product[seen] * np.log(product[seen] / joint[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="Bits, where nats are asked for.")
def in_bits(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log2(joint[seen] / product[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual",
       misconception="This is the conditional entropy H(X|Y), what is left of X, not what Y tells about it.")
def conditional_entropy(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    columns = np.broadcast_to(joint.sum(axis=0, keepdims=True), joint.shape)
    seen = joint > 0
    return float((joint[seen] * np.log(columns[seen] / joint[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="The entropies of the margins are added, and the joint entropy is not subtracted.")
def joint_not_subtracted(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    total = 0.0
    for margin in (joint.sum(axis=0), joint.sum(axis=1)):
        total -= (margin[margin > 0] * np.log(margin[margin > 0])).sum()
    return float(total)


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-breaks", misconception="An epsilon above and below the ratio distorts rare cells.")
def epsilon_in_the_ratio(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    return float((joint * np.log((joint + 1e-12) / (product + 1e-12))).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="Each row is divided by its own sum, so that rare rows weigh as much as common ones.")
def rows_weigh_the_same(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    rows = table[table.sum(axis=1) > 0]
    joint = rows / rows.sum(axis=1, keepdims=True) / len(rows)
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / product[seen])).sum())


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-coding",
       misconception="The surprise, rounded up: a prefix code within one bit of the entropy, but not the best.")
def rounded_surprise(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    return np.ceil(np.log2(weights.sum() / weights) - 1e-12).astype(int)


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="Outcomes are paired in rounds: all get the same length, give or take one.")
def paired_in_rounds(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    groups = [[int(i)] for i in np.argsort(weights, kind="stable")]
    while len(groups) > 1:
        following = []
        for k in range(0, len(groups) - 1, 2):
            lengths[groups[k] + groups[k + 1]] += 1
            following.append(groups[k] + groups[k + 1])
        groups = following + ([groups[-1]] if len(groups) % 2 else [])
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="The two likeliest outcomes are joined first, so they get the longest codewords.")
def likeliest_joined(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    heap = [(-float(w), i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman",
       misconception="Outcomes are sorted once and joined one after the other: a joined group is never put back among the others.")
def joined_in_a_chain(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    order = [int(i) for i in np.argsort(weights, kind="stable")]
    for k in range(1, len(order)):
        lengths[order[: k + 1]] += 1
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="A joined group weighs as much as its heavier half, not as the sum.")
def weight_of_the_heavier(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    heap = [(float(w), i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (max(a, b), i, left + right))
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-breaks", misconception="A single outcome gets a codeword of one bit.")
def one_bit_for_one(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    heap = [(float(w), i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return np.maximum(lengths, 1)


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman",
       misconception="Split from the top, into halves as equal as possible: Fano's code, which may be longer than the best.")
def split_in_halves(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    groups = [[int(i) for i in np.argsort(-weights, kind="stable")]]
    while groups:
        group = groups.pop()
        if len(group) > 1:
            sums = np.cumsum(weights[group])
            cut = int(np.argmin(np.abs(sums[:-1] - sums[-1] / 2))) + 1
            lengths[group] += 1
            groups += [group[:cut], group[cut:]]
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="Weights are rounded before they are joined: rare outcomes tie where they should not.")
def weights_rounded(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    heap = [(round(float(w), 6), i, [i]) for i, w in enumerate(weights / weights.sum())]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="The lengths are given from the likeliest outcome to the rarest, not in the order of the weights.")
def lengths_sorted(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    heap = [(float(w), i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return np.sort(lengths)


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-breaks", misconception="The determinant is formed: it leaves the range of floats in high dimension.")
def determinant_formed(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * np.log(np.linalg.det(2 * np.pi * np.e * cov)))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="The factor e is missing: the mean of the exponent, d/2, is left out.")
def without_e(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * (len(cov) * np.log(2 * np.pi) + np.linalg.slogdet(cov)[1]))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="2πe is counted once, not once per dimension.")
def constant_once(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * (np.log(2 * np.pi * np.e) + np.linalg.slogdet(cov)[1]))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="Correlations are ignored: only the variances on the diagonal are used.")
def diagonal_only(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * np.log(2 * np.pi * np.e * np.diag(cov)).sum())


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="The variance is taken for a standard deviation and squared again.")
def variance_squared(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * len(cov) * np.log(2 * np.pi * np.e) + np.linalg.slogdet(cov)[1])


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian",
       misconception="Only the sign of the determinant is looked at: two negative eigenvalues pass for a covariance.")
def sign_of_determinant(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    sign, log_det = np.linalg.slogdet(cov)
    if sign <= 0:
        raise ValueError("not positive definite")
    return float(0.5 * (len(cov) * np.log(2 * np.pi * np.e) + log_det))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="Symmetry is not checked: Cholesky reads the lower half only.")
def symmetry_unchecked(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1]:
        raise ValueError("shape")
    try:
        factor = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError as error:
        raise ValueError("not positive definite") from error
    return float(0.5 * len(cov) * np.log(2 * np.pi * np.e) + np.log(np.diag(factor)).sum())


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian",
       misconception="Positive variances and a positive determinant are taken for positive definite: two negative eigenvalues hide in them.")
def variances_and_determinant(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    sign, log_det = np.linalg.slogdet(cov)
    if (np.diag(cov) <= 0).any() or sign <= 0:
        raise ValueError("not positive definite")
    return float(0.5 * (len(cov) * np.log(2 * np.pi * np.e) + log_det))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian",
       misconception="Directions without variance are left out: the entropy is then that of fewer dimensions.")
def flat_directions_dropped(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    values = np.linalg.eigvalsh(cov)
    if values.min() < -1e-12 or values.max() <= 0:
        raise ValueError("not positive definite")
    return float(0.5 * np.log(2 * np.pi * np.e * values[values > 1e-12]).sum())


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-breaks", misconception="A negative differential entropy is taken for an error and cut off at 0.")
def cut_off_at_zero(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return max(0.0, float(0.5 * np.linalg.slogdet(2 * np.pi * np.e * cov)[1]))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-breaks", misconception="A little is added to the diagonal so that Cholesky does not fail: the entropy is that of another covariance.")
def diagonal_raised(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    factor = np.linalg.cholesky(cov + 1e-9 * np.eye(len(cov)))
    return float(0.5 * len(cov) * np.log(2 * np.pi * np.e) + np.log(np.diag(factor)).sum())


@wrong("entropy", caught_by="test_entropy", section="entropy-idea", misconception="A sum of exactly 1 is demanded, which sums of floats rarely give.")
def exact_sum_demanded(p, base=math.e):
    p = np.asarray(p, dtype=np.float64)
    if base <= 1 or (p < 0).any() or (p.sum(axis=-1) != 1).any():
        raise ValueError("input")
    return (p * np.log(1 / np.where(p > 0, p, 1.0))).sum(axis=-1) / np.log(base)


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="math.exp raises OverflowError where the perplexity is above the largest float; np.exp gives infinity.")
def overflow_raised(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return math.exp(-log_probs[mask].mean())


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-cross", misconception="A label of K or more is left to NumPy, which raises IndexError, not ValueError: classes end at K - 1.")
def large_label(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="A negative share of smoothing is accepted.")
def negative_smoothing(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or smoothing > 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -(1 - smoothing) * picked - smoothing * log_q.mean(axis=-1)


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="The counts are taken for probabilities: they are not divided by their sum, neither before the logarithm nor in it.")
def counts_for_probabilities(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    product = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    seen = table > 0
    return float((table[seen] * np.log(table[seen] / product[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="The logarithm of joint over product is weighted by the product, not by the joint.")
def product_for_joint(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((product[seen] * np.log(joint[seen] / product[seen])).sum())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="A mean over all cells where the sum belongs: the joint probabilities are weights already.")
def mean_over_cells(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    ratio = np.divide(joint, product, out=np.ones_like(joint), where=joint > 0)
    return float((joint * np.log(ratio)).mean())


@wrong("mutual_information", caught_by="test_mutual_information", section="entropy-mutual", misconception="A mean over the cells that are not zero where the sum belongs.")
def mean_over_seen_cells(table):
    table = np.asarray(table, dtype=np.float64)
    if (table < 0).any() or not (table > 0).any():
        raise ValueError("table")
    joint = table / table.sum()
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / product[seen])).mean())


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="Neighbours are paired in rounds as they stand: the weights are not looked at.")
def neighbours_paired(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights), dtype=int)
    groups = [[i] for i in range(len(weights))]
    while len(groups) > 1:
        following = []
        for k in range(0, len(groups) - 1, 2):
            lengths[groups[k] + groups[k + 1]] += 1
            following.append(groups[k] + groups[k + 1])
        groups = following + ([groups[-1]] if len(groups) % 2 else [])
    return lengths


@wrong("huffman_lengths", caught_by="test_huffman_lengths", section="entropy-huffman", misconception="The lengths are floats: a number of bits is whole.")
def float_lengths(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.size == 0 or (weights <= 0).any():
        raise ValueError("weights")
    lengths = np.zeros(len(weights))
    heap = [(float(w), i, [i]) for i, w in enumerate(weights)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return lengths


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="The power (2πe)^d is formed: a Python float raises OverflowError from 251 dimensions on.")
def power_formed(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    log_det = 2 * np.log(np.diag(np.linalg.cholesky(cov))).sum()
    return float(0.5 * (np.log((2 * math.pi * math.e) ** len(cov)) + log_det))


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="Symmetry is compared with np.allclose, whose rtol of 1e-5 stays in force.")
def symmetry_too_lenient(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, atol=1e-8):
        raise ValueError("shape")
    return float(0.5 * len(cov) * np.log(2 * np.pi * np.e) + np.log(np.diag(np.linalg.cholesky(cov))).sum())


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="One over the mean probability: a harmonic mean where the geometric one belongs.")
def inverse_of_mean(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(1 / np.exp(log_probs[mask]).mean())


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="The surprises are added up, not averaged: longer texts get a larger perplexity.")
def surprises_summed(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(-log_probs[mask].sum()))


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="The exponential is missing: this is the mean surprise, in nats.")
def without_exponential(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(-log_probs[mask].mean())


@wrong("perplexity", caught_by="test_perplexity", section="entropy-cross", misconception="The minus sign is missing: the result is below 1.")
def without_minus(log_probs, mask=None):
    log_probs = np.asarray(log_probs, dtype=np.float64)
    mask = np.ones(log_probs.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != log_probs.shape or not mask.any():
        raise ValueError("mask")
    return float(np.exp(log_probs[mask].mean()))


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-breaks", misconception="A softmax, then its logarithm: a class far below the others has probability 0 and infinite surprise.")
def softmax_then_log(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    q = weights / weights.sum(axis=-1, keepdims=True)
    target = (1 - smoothing) * (np.arange(logits.shape[-1]) == labels[..., None]) + smoothing / logits.shape[-1]
    return -(target * np.log(q, out=np.zeros_like(q), where=target > 0)).sum(axis=-1)


@wrong("cross_entropy", caught_by="test_cross_entropy", section="entropy-logits", misconception="The label's own term lacks its weight 1 - s: the target sums to more than one.")
def label_unweighted(logits, labels, smoothing=0.0):
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if (labels < 0).any() or (labels >= logits.shape[-1]).any() or not 0 <= smoothing <= 1:
        raise ValueError("input")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_q = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_q, labels[..., None], axis=-1)[..., 0]
    return -picked - smoothing * log_q.mean(axis=-1)


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="The factor 1/2 is missing.")
def without_half(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    return float(len(cov) * np.log(2 * np.pi * np.e) + 2 * np.log(np.diag(np.linalg.cholesky(cov))).sum())


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-gaussian", misconception="Bits, where nats are asked for.")
def gaussian_in_bits(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    return float(0.5 * len(cov) * np.log2(2 * np.pi * np.e) + np.log2(np.diag(np.linalg.cholesky(cov))).sum())


@wrong("gaussian_entropy", caught_by="test_gaussian_entropy", section="entropy-breaks", misconception="The logarithm of np.linalg.det: a determinant that no float holds is 0 or infinite.")
def log_of_determinant(cov):
    cov = np.asarray(cov, dtype=np.float64)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or not np.allclose(cov, cov.T, rtol=0, atol=1e-8):
        raise ValueError("shape")
    if (np.linalg.eigvalsh(cov) <= 0).any():
        raise ValueError("not positive definite")
    return float(0.5 * (len(cov) * np.log(2 * np.pi * np.e) + np.log(np.linalg.det(cov))))

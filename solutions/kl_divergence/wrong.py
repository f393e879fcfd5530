"""Wrong solutions that learners write, each with the misconception it stands for."""

import numpy as np
import torch
from autograder.catalogue import wrong


# --- kl_discrete ---------------------------------------------------------------------------------------------------
@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-asymmetry",
       misconception="The arguments are swapped: this is KL(Q‖P).")
def swapped_arguments(p, q):
    q, p = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log(safe_p) - np.log(safe_q))).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="The logarithm has base 2: the result is in bits, not nats.")
def in_bits(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log2(safe_p) - np.log2(safe_q))).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-breaks",
       misconception="A small epsilon hides the zeros, so an infinite divergence comes out finite.")
def clipped_with_epsilon(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    return (p * np.log((p + 1e-12) / (q + 1e-12))).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="0·log 0 is left to NumPy, which makes it nan.")
def nan_at_zero(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    return (p * np.log(p / q)).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="Points where Q is zero are dropped together with those where P is zero.")
def drops_zeros_of_q(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    both = (p > 0) & (q > 0)
    return np.where(both, p * np.log(np.where(both, p, 1.0) / np.where(both, q, 1.0)), 0.0).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="The expectation is taken as a plain mean over outcomes.")
def mean_for_sum(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log(safe_p) - np.log(safe_q))).mean(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="The sum runs over the batch as well, so many distributions give one number.")
def sums_everything(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log(safe_p) - np.log(safe_q))).sum()


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="Unnormalised input is silently normalised instead of refused.")
def normalises_silently(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log(safe_p) - np.log(safe_q))).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="Tiny probabilities are treated as zeros: the test is p > 1e-12 instead of p > 0.")
def threshold_for_zero(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    on = p > 1e-12
    return np.where(on, p * (np.log(np.where(on, p, 1.0)) - np.log(np.where(on, q, 1.0))), 0.0).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="Only the average of the rows' sums is compared with one, so that two wrong rows can hide each other.")
def checks_the_mean_sum(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or d.size and abs(d.sum(axis=-1).mean() - 1) > 1e-6:
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    return (p * (np.log(safe_p) - np.log(safe_q))).sum(axis=-1)


@wrong("kl_discrete", caught_by="test_kl_discrete", section="kl_divergence-definition",
       misconception="p/q is formed before the logarithm: it overflows where q is tiny, and a finite divergence becomes infinite.")
def quotient_overflows(p, q):
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.shape != q.shape:
        raise ValueError("shapes")
    for d in (p, q):
        if (d < 0).any() or (np.abs(d.sum(axis=-1) - 1) > 1e-6).any():
            raise ValueError("not a distribution")
    safe_p, safe_q = np.where(p > 0, p, 1.0), np.where(p > 0, q, 1.0)
    with np.errstate(over="ignore"):
        return (p * np.log(safe_p / safe_q)).sum(axis=-1)


# --- js_divergence -------------------------------------------------------------------------------------------------
@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="This is the symmetrised KL (Jeffreys), which compares P with Q and not with their mixture.")
def jeffreys(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    log_ratio = np.log(p) - np.log(q)
    return (weight * p * log_ratio - (1 - weight) * q * log_ratio).sum(axis=-1)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The weight is ignored in favour of one half.")
def weight_ignored(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)

    def entropy(d):
        return -(d * np.log(np.where(d > 0, d, 1.0))).sum(axis=-1)

    return entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The mixture uses the weight, but the two divergences are averaged with one half each.")
def weight_in_mixture_only(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    m = weight * p + (1 - weight) * q

    def kl(a, b):
        on = (a > 0) & (b > 0)
        return (a * (np.log(np.where(on, a, 1.0)) - np.log(np.where(on, b, 1.0)))).sum(axis=-1)

    return 0.5 * kl(p, m) + 0.5 * kl(q, m)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The weights belong to the other distribution: w goes with P, 1−w with Q.")
def weights_exchanged(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)

    def entropy(d):
        return -(d * np.log(np.where(d > 0, d, 1.0))).sum(axis=-1)

    return entropy((1 - weight) * p + weight * q) - (1 - weight) * entropy(p) - weight * entropy(q)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The direction is reversed: KL(M‖P) and KL(M‖Q) are infinite on disjoint supports.")
def reversed_direction(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    m = weight * p + (1 - weight) * q
    safe_m = np.where(m > 0, m, 1.0)

    def kl(b):
        return (m * (np.log(safe_m) - np.log(np.where(m > 0, b, 1.0)))).sum(axis=-1)

    return weight * kl(p) + (1 - weight) * kl(q)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The square root was taken: that is the Jensen–Shannon distance.")
def distance_for_divergence(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)

    def entropy(d):
        return -(d * np.log(np.where(d > 0, d, 1.0))).sum(axis=-1)

    value = entropy(weight * p + (1 - weight) * q) - weight * entropy(p) - (1 - weight) * entropy(q)
    return np.sqrt(np.maximum(value, 0))


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="At the weights 0 and 1 a divergence may be infinite, and its weight of zero turns it into nan.")
def nan_at_the_ends(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    m = weight * p + (1 - weight) * q

    def kl(a):
        return (a * (np.log(np.where(a > 0, a, 1.0)) - np.log(np.where(a > 0, m, 1.0)))).sum(axis=-1)

    return weight * kl(p) + (1 - weight) * kl(q)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The two divergences from the mixture are added without their weights.")
def divergences_unweighted(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError('weight must lie in [0, 1]')
    p, q = (np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))

    m = weight * p + (1 - weight) * q

    def kl(a, b):
        on = (a > 0) & (b > 0)
        return (a * (np.log(np.where(on, a, 1.0)) - np.log(np.where(on, b, 1.0)))).sum(axis=-1)
    return kl(p, m) + kl(q, m)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The logarithm has base 2: the result is in bits, not nats.")
def js_in_bits(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError('weight must lie in [0, 1]')
    p, q = (np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))

    def entropy(d):
        return -(d * np.log2(np.where(d > 0, d, 1.0))).sum(axis=-1)
    return entropy(weight * p + (1 - weight) * q) - weight * entropy(p) - (1 - weight) * entropy(q)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The mixture has the right weights, but the two divergences have each other's.")
def weights_exchanged_outside(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError('weight must lie in [0, 1]')
    p, q = (np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))

    m = weight * p + (1 - weight) * q

    def kl(a, b):
        on = (a > 0) & (b > 0)
        return (a * (np.log(np.where(on, a, 1.0)) - np.log(np.where(on, b, 1.0)))).sum(axis=-1)
    return (1 - weight) * kl(p, m) + weight * kl(q, m)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="Both divergences are weighted with w.")
def one_weight_for_both(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError('weight must lie in [0, 1]')
    p, q = (np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))

    m = weight * p + (1 - weight) * q

    def kl(a, b):
        on = (a > 0) & (b > 0)
        return (a * (np.log(np.where(on, a, 1.0)) - np.log(np.where(on, b, 1.0)))).sum(axis=-1)
    return weight * kl(p, m) + weight * kl(q, m)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The sum runs over the batch as well, so many pairs give one number.")
def js_of_the_whole_batch(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)

    def entropy(d):
        return -(d * np.log(np.where(d > 0, d, 1.0))).sum()

    return entropy(weight * p + (1 - weight) * q) - weight * entropy(p) - (1 - weight) * entropy(q)


@wrong("js_divergence", caught_by="test_js_divergence", section="kl_divergence-js",
       misconception="The sum runs over the first axis, which is the batch when there is one; outcomes lie along the last.")
def js_over_the_first_axis(p, q, weight=0.5):
    if not 0 <= weight <= 1:
        raise ValueError("weight")
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)

    def entropy(d):
        return -(d * np.log(np.where(d > 0, d, 1.0))).sum(axis=0)

    return entropy(weight * p + (1 - weight) * q) - weight * entropy(p) - (1 - weight) * entropy(q)


# --- gaussian_kl_diag ----------------------------------------------------------------------------------------------
@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-asymmetry",
       misconception="The arguments are swapped: this is KL(Q‖P).")
def swapped_gaussians(mu_p, var_p, mu_q, var_q):
    mu_q, var_q, mu_p, var_p = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * (np.log(var_q / var_p) + (var_p + (mu_p - mu_q) ** 2) / var_q - 1).sum(axis=-1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The variances are treated as standard deviations and squared.")
def squares_the_variances(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * (2 * np.log(var_q / var_p) + (var_p**2 + (mu_p - mu_q) ** 2) / var_q**2 - 1).sum(axis=-1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The log-ratio is upside down: it is log of Q's variance over P's.")
def log_ratio_inverted(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * (np.log(var_p / var_q) + (var_p + (mu_p - mu_q) ** 2) / var_q - 1).sum(axis=-1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The −1 is subtracted once instead of once per dimension.")
def one_for_d(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * ((np.log(var_q / var_p) + (var_p + (mu_p - mu_q) ** 2) / var_q).sum(axis=-1) - 1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The factor 1/2 is missing.")
def no_half(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return (np.log(var_q / var_p) + (var_p + (mu_p - mu_q) ** 2) / var_q - 1).sum(axis=-1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The dimensions are averaged instead of summed.")
def mean_over_dimensions(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * (np.log(var_q / var_p) + (var_p + (mu_p - mu_q) ** 2) / var_q - 1).mean(axis=-1)


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The four terms are summed one by one, before they are broadcast: a shared variance is counted once, not d times.")
def sums_before_broadcasting(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    return 0.5 * (np.log(var_q / var_p).sum(-1) + (var_p / var_q).sum(-1) + ((mu_p - mu_q) ** 2 / var_q).sum(-1) - mu_p.shape[-1])


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="d is read off the mean, but the mean may broadcast: it is the size of all four arrays together.")
def dimensions_of_the_mean(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError("variances")
    terms = np.log(var_q / var_p) + (var_p + (mu_p - mu_q) ** 2) / var_q
    return 0.5 * (terms.sum(axis=-1) - mu_p.shape[-1])


@wrong("gaussian_kl_diag", caught_by="test_gaussian_kl_diag", section="kl_divergence-gaussian",
       misconception="The denominator is P's variance; it must be Q's.")
def divided_by_p(mu_p, var_p, mu_q, var_q):
    mu_p, var_p, mu_q, var_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, var_p, mu_q, var_q))
    if (var_p <= 0).any() or (var_q <= 0).any():
        raise ValueError('variances must be positive')
    terms = np.log(var_q) - np.log(var_p) + (var_p + (mu_p - mu_q) ** 2) / var_p - 1
    return 0.5 * terms.sum(axis=-1)


# --- gaussian_kl_full ----------------------------------------------------------------------------------------------
@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The determinant is formed and underflows: its logarithm is minus infinity.")
def with_det(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.log(np.linalg.det(cov_q) / np.linalg.det(cov_p))
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The wrong covariance is inverted: both the trace and the quadratic term use the inverse of P's.")
def inverts_p(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_p), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_q, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The quadratic term uses the inverse of P's covariance; the trace is right.")
def shift_in_units_of_p(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, np.linalg.inv(cov_p), shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The covariances are treated as diagonal: correlations are ignored.")
def diagonal_only(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    v, u = np.diagonal(cov_p, axis1=-2, axis2=-1), np.diagonal(cov_q, axis1=-2, axis2=-1)
    return 0.5 * (np.log(u / v) + (v + (mu_p - mu_q) ** 2) / u - 1).sum(axis=-1)


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The log-determinant is half of what it should be: log det Σ is twice the sum of log L_ii.")
def cholesky_without_two(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    logs = [np.log(np.diagonal(np.linalg.cholesky(cov), axis1=-2, axis2=-1)).sum(-1) for cov in (cov_p, cov_q)]
    log_ratio = logs[1] - logs[0]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="Entries are multiplied one by one where the trace of a matrix product belongs.")
def elementwise_trace(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse * cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="slogdet hides an indefinite covariance: the sign of the determinant is never looked at.")
def accepts_indefinite(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="Eigenvalues of zero pass the test, which asks for none below zero; a singular covariance has no density.")
def accepts_singular(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() < 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.pinv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="np.allclose brings a relative tolerance with it: large asymmetric matrices pass.")
def relative_symmetry(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if not np.allclose(cov, np.swapaxes(cov, -1, -2)) or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The chapter's cell for a single pair: with a batch, len(mu_p) is the number of Gaussians and the sums run over all of them.")
def one_pair_only(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8:
            raise ValueError("covariance")
    l_p, l_q = np.linalg.cholesky(cov_p), np.linalg.cholesky(cov_q)
    a, y = np.linalg.solve(l_q, l_p), np.linalg.solve(l_q, (mu_p - mu_q)[..., None])
    log_det = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    return 0.5 * (log_det + (a**2).sum() + (y**2).sum() - len(mu_p))


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="Stacks end in an error: np.trace and .T take other axes than the last two, and solve needs vectors as columns, shift[..., None].")
def trace_of_the_first_axes(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="d is read off with len, which is the size of the batch when there is one.")
def length_of_the_batch(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    inverse, shift = np.linalg.inv(cov_q), mu_p - mu_q
    log_ratio = np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    trace = np.trace(inverse @ cov_p, axis1=-2, axis2=-1)
    quadratic = np.einsum("...i,...ij,...j->...", shift, inverse, shift)
    return 0.5 * (log_ratio + trace + quadratic - len(mu_p))


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-asymmetry",
       misconception="The arguments are swapped: this is KL(Q‖P).")
def swapped_covariances(mu_q, cov_q, mu_p, cov_p):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-08).any():
            raise ValueError('a covariance matrix must be symmetric')
        try:
            factors.append(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError as error:
            raise ValueError('a covariance matrix must be positive definite') from error
    l_p, l_q = factors
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])[..., 0]
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return 0.5 * (2 * logs.sum(-1) + (a ** 2).sum((-2, -1)) + (y ** 2).sum(-1) - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The term −d is missing, which makes the divergence of equal Gaussians zero.")
def minus_d_forgotten(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-08).any():
            raise ValueError('a covariance matrix must be symmetric')
        try:
            factors.append(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError as error:
            raise ValueError('a covariance matrix must be positive definite') from error
    l_p, l_q = factors
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])[..., 0]
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return 0.5 * (2 * logs.sum(-1) + (a ** 2).sum((-2, -1)) + (y ** 2).sum(-1))


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="1 is subtracted instead of d.")
def one_for_all_dimensions(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-08).any():
            raise ValueError('a covariance matrix must be symmetric')
        try:
            factors.append(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError as error:
            raise ValueError('a covariance matrix must be positive definite') from error
    l_p, l_q = factors
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])[..., 0]
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return 0.5 * (2 * logs.sum(-1) + (a ** 2).sum((-2, -1)) + (y ** 2).sum(-1) - 1)


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The factor 1/2 is missing.")
def half_forgotten(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-08).any():
            raise ValueError('a covariance matrix must be symmetric')
        try:
            factors.append(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError as error:
            raise ValueError('a covariance matrix must be positive definite') from error
    l_p, l_q = factors
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])[..., 0]
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return (2 * logs.sum(-1) + (a ** 2).sum((-2, -1)) + (y ** 2).sum(-1) - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The log-determinants are subtracted the wrong way round: Q's comes first.")
def log_determinants_exchanged(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    factors = []
    for cov in (cov_p, cov_q):
        if (np.abs(cov - np.swapaxes(cov, -1, -2)) > 1e-08).any():
            raise ValueError('a covariance matrix must be symmetric')
        try:
            factors.append(np.linalg.cholesky(cov))
        except np.linalg.LinAlgError as error:
            raise ValueError('a covariance matrix must be positive definite') from error
    l_p, l_q = factors
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])[..., 0]
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return 0.5 * (-2 * logs.sum(-1) + (a ** 2).sum((-2, -1)) + (y ** 2).sum(-1) - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The solution is squeezed, which takes the axis of a single dimension as well as the one that was added for solve.")
def squeezed_solution(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    l_p, l_q = np.linalg.cholesky(cov_p), np.linalg.cholesky(cov_q)
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None]).squeeze()
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return 0.5 * (2 * logs.sum(-1) + (a**2).sum((-2, -1)) + (y**2).sum(-1) - mu_p.shape[-1])


@wrong("gaussian_kl_full", caught_by="test_gaussian_kl_full", section="kl_divergence-gaussian-full",
       misconception="The result is squeezed, so that a batch of one Gaussian comes back as a number.")
def squeezed_result(mu_p, cov_p, mu_q, cov_q):
    mu_p, cov_p, mu_q, cov_q = (np.asarray(a, dtype=np.float64) for a in (mu_p, cov_p, mu_q, cov_q))
    for cov in (cov_p, cov_q):
        if np.abs(cov - np.swapaxes(cov, -1, -2)).max() > 1e-8 or np.linalg.eigvalsh(cov).min() <= 0:
            raise ValueError("covariance")
    l_p, l_q = np.linalg.cholesky(cov_p), np.linalg.cholesky(cov_q)
    a = np.linalg.solve(l_q, l_p)
    y = np.linalg.solve(l_q, (mu_p - mu_q)[..., None])
    logs = np.log(np.diagonal(l_q, axis1=-2, axis2=-1)) - np.log(np.diagonal(l_p, axis1=-2, axis2=-1))
    return np.squeeze(0.5 * (2 * logs.sum(-1) + (a**2).sum((-2, -1)) + (y**2).sum((-2, -1)) - mu_p.shape[-1]))


# --- kl_estimators -------------------------------------------------------------------------------------------------
@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="The ratio is upside down: with samples from q it is r = p/q, not q/p.")
def ratio_inverted(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_q - log_p
    return -log_r, 0.5 * log_r**2, np.expm1(log_r) - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="Only k3 has its ratio upside down; it is then no longer unbiased.")
def k3_inverted(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return -log_r, 0.5 * log_r**2, np.expm1(-log_r) + log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="k2 lacks its factor one half.")
def k2_without_half(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return -log_r, log_r**2, np.expm1(log_r) - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="k3 lacks the −1, so that it is one too large everywhere.")
def k3_without_one(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return -log_r, 0.5 * log_r**2, np.exp(log_r) - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-breaks",
       misconception="exp(log r) − 1 cancels near r = 1; use expm1.")
def cancels_near_one(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return -log_r, 0.5 * log_r**2, np.exp(log_r) - 1 - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="The absolute value makes k1 positive, and biased.")
def absolute_k1(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return np.abs(log_r), 0.5 * log_r**2, np.expm1(log_r) - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="The log-ratio is clamped against overflow, which changes the estimates that matter most.")
def clamped_log_ratio(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = np.where(np.isinf(log_p), -np.inf, np.clip(log_p - log_q, -20, 20))
    return -log_r, 0.5 * log_r**2, np.expm1(log_r) - log_r


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="The estimates are averaged: one number each instead of one per sample.")
def averaged_estimates(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    log_r = log_p - log_q
    return (-log_r).mean(), (0.5 * log_r**2).mean(), (np.expm1(log_r) - log_r).mean()


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="Near r = 1 the estimator k3 is replaced by k2, its first term: at |log r| = 1e-3 that is off by 3e-4.")
def quadratic_near_one(log_p, log_q):
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError("shapes")
    u = log_p - log_q
    return -u, 0.5 * u**2, np.where(np.abs(u) < 1e-3, 0.5 * u**2, np.exp(u) - 1 - u)


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="k2 squares the ratio; it must square its logarithm.")
def k2_of_the_ratio(log_p, log_q):
    log_p, log_q = (np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64))
    if log_p.shape != log_q.shape:
        raise ValueError(f'log_p has shape {log_p.shape} but log_q has shape {log_q.shape}')
    log_r = log_p - log_q
    return (-log_r, 0.5 * np.exp(log_r) ** 2, np.expm1(log_r) - log_r)


@wrong("kl_estimators", caught_by="test_kl_estimators", section="kl_divergence-estimators",
       misconception="The shapes are not compared: a column and a row broadcast to a table in which samples are paired that do not belong together.")
def samples_broadcast(log_p, log_q):
    log_r = np.asarray(log_p, dtype=np.float64) - np.asarray(log_q, dtype=np.float64)
    return -log_r, 0.5 * log_r**2, np.expm1(log_r) - log_r


# --- vae_loss ------------------------------------------------------------------------------------------------------
@wrong("reparameterize", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The variance scales the noise where the standard deviation belongs.")
def variance_for_sigma(mu, logvar, eps):
    return mu + torch.exp(logvar) * eps


@wrong("reparameterize", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="logvar is used as if it were the standard deviation itself.")
def logvar_for_sigma(mu, logvar, eps):
    return mu + logvar * eps


@wrong("reparameterize", caught_by="test_vae_loss", section="kl_divergence-breaks",
       misconception="The sample is detached: the encoder gets no gradient from the reconstruction.")
def detached_sample(mu, logvar, eps):
    return mu + (torch.exp(0.5 * logvar) * eps).detach()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-breaks",
       misconception="The reconstruction is averaged over pixels, so that the KL term dominates and the posterior collapses.")
def mean_over_pixels(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x)
    return reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The KL term has the wrong sign: the loss is minus the bound, so the KL is added.")
def kl_subtracted(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    return (reconstruction - beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The batch is summed instead of averaged: gradients grow with the batch size.")
def sum_over_batch(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="beta is ignored.")
def beta_ignored(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    return (reconstruction + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-breaks",
       misconception="A sigmoid followed by a logarithm overflows for large logits.")
def sigmoid_then_log(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    prob = torch.sigmoid(logits)
    reconstruction = -(x * torch.log(prob) + (1 - x) * torch.log(1 - prob)).sum(dim=1)
    return (reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="logvar is read as log σ: the variance is then its exponential squared.")
def logvar_read_as_log_sigma(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    return (reconstruction + beta * 0.5 * (mu**2 + (2 * logvar).exp() - 1 - 2 * logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The log-variance is clamped, as some training code does: the loss is no longer the bound, and its gradient vanishes there.")
def clamped_logvar(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    logvar = logvar.clamp(-20, 10)
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    return (reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The pixels are passed as logits and the logits as pixels.")
def targets_exchanged(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(x, logits, reduction='none').sum(dim=1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return (reconstruction + beta * kl).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="This is the bound, which grows as the model gets better; the loss is minus the bound.")
def bound_for_loss(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(dim=1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return -(reconstruction + beta * kl).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The factor 1/2 of the KL term is missing.")
def kl_without_half(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(dim=1)
    kl = (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return (reconstruction + beta * kl).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-breaks",
       misconception="A sigmoid followed by the cross-entropy of probabilities: the sigmoid rounds to 1, and PyTorch cuts log 0 off at −100.")
def sigmoid_then_entropy(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy(torch.sigmoid(logits), x, reduction='none').sum(dim=1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return (reconstruction + beta * kl).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="beta weights the reconstruction; it must weight the KL term.")
def beta_on_the_reconstruction(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(dim=1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return (beta * reconstruction + kl).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="beta weights the whole loss; it must weight the KL term alone.")
def beta_on_both(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError('x and logits, and mu and logvar, must have equal shapes')
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction='none').sum(dim=1)
    kl = 0.5 * (mu ** 2 + logvar.exp() - 1 - logvar).sum(dim=1)
    return (beta * (reconstruction + kl)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="Grey pixels are rounded to 0 or 1; the cross-entropy weights its two logarithms with x and 1 − x as they are.")
def pixels_rounded(x, logits, mu, logvar, beta=1.0):
    if x.shape != logits.shape or mu.shape != logvar.shape:
        raise ValueError("shapes")
    pixels = (x > 0.5).to(x.dtype)
    reconstruction = torch.nn.functional.binary_cross_entropy_with_logits(logits, pixels, reduction="none").sum(dim=1)
    return (reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


@wrong("vae_loss", caught_by="test_vae_loss", section="kl_divergence-vae",
       misconception="The shapes are not compared: one log-variance, or one logit, is broadcast over all dimensions.")
def vae_shapes_unchecked(x, logits, mu, logvar, beta=1.0):
    reconstruction = (torch.nn.functional.softplus(logits) - x * logits).sum(dim=1)
    return (reconstruction + beta * 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=1)).mean()


# --- fit_forward ---------------------------------------------------------------------------------------------------
@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The spread of the component means is missing: only the covariances are averaged.")
def within_only(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    return weights @ means, np.einsum("k,kij->ij", weights, covs)


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The weights are ignored: all components count alike.")
def equal_weights(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    mean = means.mean(axis=0)
    centred = means - mean
    return mean, (covs + centred[:, :, None] * centred[:, None, :]).mean(axis=0)


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The second moment is taken about zero instead of about the mean.")
def uncentred(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    return weights @ means, np.einsum("k,kij->ij", weights, covs + means[:, :, None] * means[:, None, :])


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="Weights are squared in the covariance, as for a weighted sum of independent variables; a mixture is not a sum.")
def sum_of_variables(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    return weights @ means, np.einsum("k,kij->ij", weights**2, covs)


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-reverse",
       misconception="This keeps the heaviest component, as reverse KL tends to; forward KL must cover them all.")
def heaviest_component(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    k = int(np.argmax(weights))
    return means[k], covs[k]


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="A small jitter is added to the covariance, which is then no longer that of the mixture.")
def jittered_covariance(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    mean = weights @ means
    centred = means - mean
    return mean, np.einsum("k,kij->ij", weights, covs + centred[:, :, None] * centred[:, None, :]) + 1e-10 * np.eye(means.shape[1])


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The spread of the means is added without the weights.")
def spread_unweighted(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-06:
        raise ValueError('weights must be non-negative and sum to one')
    mean = weights @ means
    centred = means - mean
    return (mean, np.einsum('k,kij->ij', weights, covs) + centred.T @ centred)


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="a @ a.T is the inner product of a vector with itself, one number that is added to every entry; the spread is an outer product.")
def inner_for_outer(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    mean = weights @ means
    return mean, sum(w * (s + (m - mean) @ (m - mean).T) for w, m, s in zip(weights, means, covs))


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The deviations are squared one by one and broadcast over the rows of the covariance; the spread is an outer product.")
def deviations_squared_by_entry(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    mean = weights @ means
    return mean, sum(w * (s + (m - mean) ** 2) for w, m, s in zip(weights, means, covs))


@wrong("fit_forward", caught_by="test_fit_forward", section="kl_divergence-forward",
       misconception="The spread of the means is added to the diagonal only; the means also vary together.")
def spread_on_the_diagonal(weights, means, covs):
    weights, means, covs = (np.asarray(a, dtype=np.float64) for a in (weights, means, covs))
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        raise ValueError("weights")
    mean = weights @ means
    return mean, sum(w * (s + np.diag((m - mean) ** 2)) for w, m, s in zip(weights, means, covs))


# --- fit_reverse ---------------------------------------------------------------------------------------------------
@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-forward",
       misconception="These are the moments of the mixture, which is the forward fit.")
def forward_fit(weights, means, stds, start):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")
    mean = weights @ means
    return float(mean), float(np.sqrt(weights @ (stds**2 + (means - mean) ** 2)))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The entropy of q is missing, so nothing keeps the standard deviation from shrinking to zero.")
def no_entropy(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -(NODE_WEIGHTS @ logsumexp(scores, axis=1))

    found = minimize(objective, [start[0], np.log(start[1])], method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The descent begins at the standard deviation where its logarithm belongs.")
def start_without_logarithm(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -theta[1] - NODE_WEIGHTS @ logsumexp(scores, axis=1)

    found = minimize(objective, start, method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The start is ignored: the descent always begins at N(0, 1).")
def start_ignored(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -theta[1] - NODE_WEIGHTS @ logsumexp(scores, axis=1)

    found = minimize(objective, [0.0, 0.0], method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The variance is returned where the standard deviation was asked for.")
def returns_variance(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -theta[1] - NODE_WEIGHTS @ logsumexp(scores, axis=1)

    found = minimize(objective, [start[0], np.log(start[1])], method="BFGS")
    return float(found.x[0]), float(np.exp(2 * found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The density of each component lacks its factor 1/s, so that wide components weigh too much.")
def density_without_scale(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = np.log(weights) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -theta[1] - NODE_WEIGHTS @ logsumexp(scores, axis=1)

    found = minimize(objective, [start[0], np.log(start[1])], method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The mixture weights are ignored in log p.")
def mixture_weights_ignored(weights, means, stds, start):
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")

    def objective(theta):
        x = theta[0] + np.exp(theta[1]) * NODES
        scores = -np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2
        return -theta[1] - NODE_WEIGHTS @ logsumexp(scores, axis=1)

    found = minimize(objective, [start[0], np.log(start[1])], method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The starting standard deviation is ignored: the width too decides which minimum is found.")
def start_width_ignored(weights, means, stds, start):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")
    found = minimize(reverse_kl_and_gradient, [start[0], 0.0], args=(weights, means, stds), jac=True, method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The result is log s, because the exponential was forgotten.")
def returns_log_std(weights, means, stds, start):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0 or (stds <= 0).any():
        raise ValueError("std")
    found = minimize(reverse_kl_and_gradient, [start[0], np.log(start[1])], args=(weights, means, stds), jac=True, method="BFGS")
    return float(found.x[0]), float(found.x[1])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The components' slopes are averaged with the mixture weights; it must be their shares of the density at x.")
def slopes_averaged_by_weights(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (weights * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p), np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The second entry is the derivative with respect to s, not log s: the factor s of the chain rule is missing.")
def slope_with_respect_to_s(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores - log_p[:, None]) * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p), np.array([-(NODE_WEIGHTS @ slope), -1 / std - NODE_WEIGHTS @ (NODES * slope)])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="x moves with log s at the rate s times the node; here the node alone is used.")
def node_rate_forgotten(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores - log_p[:, None]) * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p), np.array([-(NODE_WEIGHTS @ slope), -1 - NODE_WEIGHTS @ (NODES * slope)])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The expected log-density is added instead of subtracted: the gradient has the wrong sign there.")
def gradient_uphill(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores - log_p[:, None]) * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p), np.array([NODE_WEIGHTS @ slope, -1 + std * (NODE_WEIGHTS @ (NODES * slope))])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The constants are dropped: the minimiser stays, but the value is no divergence.")
def constants_dropped(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores - log_p[:, None]) * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - NODE_WEIGHTS @ log_p), np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The shares are ratios of densities, which are 0/0 far from all modes.")
def underflowing_shares(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights) - np.log(stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) * (means - x[:, None]) / stds**2).sum(axis=1)
    return float(-theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p), np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The slope of a component is divided by its standard deviation, not by its variance.")
def slope_over_std(theta, weights, means, stds):
    from scipy.special import logsumexp

    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    scores = np.log(weights / stds) - 0.5 * ((x[:, None] - means) / stds) ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = (np.exp(scores - log_p[:, None]) * (means - x[:, None]) / stds).sum(axis=1)
    value = -theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    return float(value), np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The log-density lacks its constant −log(2π)/2.")
def density_unnormalised(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    z = (x[:, None] - means) / stds
    scores = np.log(weights) - np.log(stds) - 0.5 * z ** 2
    log_p = logsumexp(scores, axis=1)
    slope = -(np.exp(scores - log_p[:, None]) * z / stds).sum(axis=1)
    value = -theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    gradient = np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])
    return (float(value), gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The term −log s, which is the entropy of q, is missing from the value and from the gradient.")
def entropy_term_forgotten(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    z = (x[:, None] - means) / stds
    scores = np.log(weights) - np.log(stds) - 0.5 * z ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = -(np.exp(scores - log_p[:, None]) * z / stds).sum(axis=1)
    value = -0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    gradient = np.array([-(NODE_WEIGHTS @ slope), -std * (NODE_WEIGHTS @ (NODES * slope))])
    return (float(value), gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The derivative in m has the wrong sign.")
def mean_uphill(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    z = (x[:, None] - means) / stds
    scores = np.log(weights) - np.log(stds) - 0.5 * z ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = -(np.exp(scores - log_p[:, None]) * z / stds).sum(axis=1)
    value = -theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    gradient = np.array([NODE_WEIGHTS @ slope, -1 - std * (NODE_WEIGHTS @ (NODES * slope))])
    return (float(value), gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The slopes are averaged by the components' densities; a share has the mixture weight too.")
def shares_without_weights(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    z = (x[:, None] - means) / stds
    scores = np.log(weights) - np.log(stds) - 0.5 * z ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    bare = scores - np.log(weights)
    slope = -(np.exp(bare - logsumexp(bare, axis=1)[:, None]) * z / stds).sum(axis=1)
    value = -theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    gradient = np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])
    return (float(value), gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The components' slopes are averaged equally; it must be by their shares of the density at x.")
def slopes_averaged_equally(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    std = np.exp(theta[1])
    x = theta[0] + std * NODES
    z = (x[:, None] - means) / stds
    scores = np.log(weights) - np.log(stds) - 0.5 * z ** 2 - 0.5 * np.log(2 * np.pi)
    log_p = logsumexp(scores, axis=1)
    slope = -(z / stds).mean(axis=1)
    value = -theta[1] - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p
    gradient = np.array([-(NODE_WEIGHTS @ slope), -1 - std * (NODE_WEIGHTS @ (NODES * slope))])
    return (float(value), gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The gradient is estimated from differences of F: no step is right for every width, and the derivative was asked for.")
def differences_of_f(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))

    def value(mean, log_std):
        z = (mean + np.exp(log_std) * NODES[:, None] - means) / stds
        log_p = logsumexp(np.log(weights) - np.log(stds) - 0.5 * z**2, axis=1) - 0.5 * np.log(2 * np.pi)
        return -log_std - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p

    (m, log_s), h = theta, 1e-6
    gradient = [(value(m + h, log_s) - value(m - h, log_s)) / (2 * h), (value(m, log_s + h) - value(m, log_s - h)) / (2 * h)]
    return float(value(m, log_s)), np.array(gradient)


@wrong("reverse_kl_and_gradient", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="The gradient is what SciPy estimates when it is given none, forward differences of F; the derivative was asked for.")
def forward_differences_of_f(theta, weights, means, stds):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))

    def value(mean, log_std):
        z = (mean + np.exp(log_std) * NODES[:, None] - means) / stds
        log_p = logsumexp(np.log(weights) - np.log(stds) - 0.5 * z**2, axis=1) - 0.5 * np.log(2 * np.pi)
        return -log_std - 0.5 * np.log(2 * np.pi * np.e) - NODE_WEIGHTS @ log_p

    (m, log_s), h = theta, 2.0**-26
    here = value(m, log_s)
    return float(here), np.array([(value(m + h, log_s) - here) / h, (value(m, log_s + h) - here) / h])


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="Standard deviations are not checked: the logarithm of zero, or a negative width, goes into the descent.")
def widths_unchecked(weights, means, stds, start):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    found = minimize(reverse_kl_and_gradient, [start[0], np.log(start[1])], args=(weights, means, stds), jac=True, method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))


@wrong("fit_reverse", caught_by="test_fit_reverse", section="kl_divergence-reverse",
       misconception="Only the starting width is checked; a component's standard deviation may be zero or negative too.")
def component_widths_unchecked(weights, means, stds, start):
    weights, means, stds = (np.asarray(a, dtype=np.float64) for a in (weights, means, stds))
    if start[1] <= 0:
        raise ValueError("std")
    found = minimize(reverse_kl_and_gradient, [start[0], np.log(start[1])], args=(weights, means, stds), jac=True, method="BFGS")
    return float(found.x[0]), float(np.exp(found.x[1]))

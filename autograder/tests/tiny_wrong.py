"""Wrong solutions of the tiny assignment."""

import numpy as np

from autograder.catalogue import wrong


@wrong("mean_square", caught_by="test_mean_square", section="tiny-mean", misconception="The sum is halved, not averaged.")
def half_of_the_sum(x):
    return float(np.sum(np.square(x))) / 2


@wrong("safe_log", caught_by="test_safe_log", section="tiny-log", misconception="Zeros are clipped, so log 0 is finite.")
def clipped(x):
    return np.log(np.maximum(x, 1e-12))

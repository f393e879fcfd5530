"""`autograder bench`: how fast, how large and how safe from loss grading is, measured beside plain nbgrader in the same run."""

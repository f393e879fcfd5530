"""`python -m autograder` is the `autograder` command."""

from autograder.cli import main

if __name__ == "__main__":  # a worker's process imports this file, too
    main()

"""nbgrader's configuration for this checkout: plain `nbgrader …`, formgrader, the exchange and JupyterLab's buttons use it.

Settings a class may want to change are environment variables, so that this file stays the same for everybody:

AUTOGRADER_DB_URL    where the grades are; SQLite `gradebook.db` in the checkout if not set (PostgreSQL: postgresql://…)
AUTOGRADER_EXCHANGE  the folder through which assignments, submissions and feedback travel; a folder of the user if not set.
                     For a class it is a folder that everybody may write to.
AUTOGRADER_SEED      the seed of the hidden tests' data, 0 if not set
AUTOGRADER_SANDBOX_FLOOR  the weakest sandbox in which learner code may run: `namespaces` if not set, `unshared` (without bubblewrap), or
                     `none` if the risk is accepted
AUTOGRADER_EXECUTOR  `nbgrader` grades with nbgrader's own executor, which runs tests and learner code in one process; for
                     comparison, not for marks that matter

A learner's JupyterLab needs the first part only: copy this file to the folder in which it starts (or to /etc/jupyter on a hub).
"""

import os
import sys
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

c = get_config()  # noqa: F821 - nbgrader defines it
root = Path(__file__).resolve().parent
instructor = (root / "solutions").is_dir()
# nbgrader starts `alembic` by name; find it even where the environment is not activated.
tools = str(Path(sys.executable).parent)
if tools not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([tools, os.environ.get("PATH", "")])

# For everybody.
c.CourseDirectory.course_id = "ml_researcher_foundations"
c.Exchange.root = os.environ.get("AUTOGRADER_EXCHANGE") or str(Path(jupyter_data_dir()) / "nbgrader_exchange")
if instructor or "AUTOGRADER_EXCHANGE" not in os.environ:
    Path(c.Exchange.root).mkdir(parents=True, exist_ok=True)  # formgrader offers release and collect only if it exists
# An assignment is one notebook. This keeps masters, answers and caches out of everything that nbgrader copies.
c.CourseDirectory.ignore = [
    ".*", "__pycache__", "*.pyc", "*.py", "*.md", "*.yml", "feedback", "grade.json", "refused.json", "*.unreadable",
]  # fmt: skip
# Validate, and nbgrader's own executor, count anything on stderr as a failure; a warning is none.
c.Execute.extra_arguments = ["--IPKernelApp.exec_lines=import warnings; warnings.simplefilter('ignore')"]
c.Execute.timeout = 60

# In a checkout of the course.
if instructor:
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "exercises"
    c.CourseDirectory.db_url = os.environ.get("AUTOGRADER_DB_URL") or f"sqlite:///{root / 'gradebook.db'}?timeout=60"

    # `exercises/` is committed, so generating it always replaces it; from what `autograder release` builds, and only if that is fresh.
    c.GenerateAssignment.force = True
    c.GenerateAssignment.preprocessors = [
        "autograder.nbgrader_plugin.RequireFreshMaster",
        "nbgrader.preprocessors.LockCells",
        "nbgrader.preprocessors.ClearSolutions",
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.CheckCellMetadata",
        "nbgrader.preprocessors.ComputeChecksums",
        "nbgrader.preprocessors.SaveCells",
        "nbgrader.preprocessors.ClearHiddenTests",
        "nbgrader.preprocessors.ComputeChecksums",
        "nbgrader.preprocessors.CheckCellMetadata",
        "autograder.nbgrader_plugin.SayWhereItRuns",
    ]
    if os.environ.get("AUTOGRADER_EXECUTOR") != "nbgrader":
        c.Autograde.exporter_class = "autograder.nbgrader_plugin.SubmissionExporter"
        c.Autograde.sanitize_preprocessors = ["autograder.nbgrader_plugin.GradeWithEngine"]
        c.Autograde.autograde_preprocessors = [
            "nbgrader.preprocessors.LimitOutput",
            "nbgrader.preprocessors.SaveAutoGrades",
            "nbgrader.preprocessors.AssignLatePenalties",
            "nbgrader.preprocessors.CheckCellMetadata",
        ]
    c.GenerateFeedback.exporter_class = "autograder.feedback_page.FeedbackExporter"
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        "autograder.nbgrader_plugin.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.ExchangeFactory.collect = "autograder.nbgrader_plugin.CollectFilesOnly"
    c.FormgradeExtension.debug = False  # it would show this configuration, with the database's password, on its first page
    c.LateSubmissionPlugin.penalty_method = "none"  # or "zero", or a plugin of your own

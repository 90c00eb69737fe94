"""What is asked: the suites, one file for each, where their data comes from, and their splits."""

from mlpo_bench.questions.files import Files
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.generated import Generated
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.loading import Loaded, find, from_elsewhere, load
from mlpo_bench.questions.package import Package
from mlpo_bench.questions.question import Entry, Item, Question, with_options
from mlpo_bench.questions.source import Absent, Place, Source
from mlpo_bench.questions.splits import select
from mlpo_bench.questions.suite import PAPER, SUITES, Suite, in_order


__all__ = [
    "PAPER",
    "SUITES",
    "Absent",
    "Entry",
    "Files",
    "Folder",
    "Generated",
    "Hub",
    "Item",
    "Loaded",
    "Package",
    "Place",
    "Question",
    "Repository",
    "Source",
    "Suite",
    "find",
    "from_elsewhere",
    "in_order",
    "load",
    "select",
    "with_options",
]

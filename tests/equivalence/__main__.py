"""Write the golden corpus anew: `python -m tests.equivalence`."""

from tests.equivalence.corpus import PAIRS, written
from tests.equivalence.trial import Trial

PAIRS.write_text(written(Trial()), "utf-8")

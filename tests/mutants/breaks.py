"""All planted breaks."""

from tests.mutants import (
    of_digests,
    of_extracting,
    of_isolation,
    of_keeping,
    of_life,
    of_rebuilding,
    of_repeatability,
    of_simulation,
    of_texts,
    of_the_form,
    of_waiting,
)
from tests.mutants.planted import Break

BREAKS: tuple[Break, ...] = (
    *of_rebuilding.BREAKS,
    *of_texts.BREAKS,
    *of_the_form.BREAKS,
    *of_digests.BREAKS,
    *of_repeatability.BREAKS,
    *of_keeping.BREAKS,
    *of_extracting.BREAKS,
    *of_waiting.BREAKS,
    *of_isolation.BREAKS,
    *of_life.BREAKS,
    *of_simulation.BREAKS,
)

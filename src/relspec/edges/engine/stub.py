"""Stand-ins for Python functions, so that a text that calls them can be bound without the user's code."""

import inspect
from collections.abc import Iterable

from relspec.core.plan import Udf
from relspec.edges.engine.connection import UserFunction


def stubs_of(udfs: Iterable[Udf]) -> dict[str, UserFunction]:
    """Make a function of the right number of parameters for each; calling one would give NULL."""
    return {udf.name: _stub(len(udf.parameters)) for udf in udfs}


def _stub(n_parameters: int) -> UserFunction:
    def stand_in(*_arguments: object) -> None:
        return None

    # DuckDB counts the parameters of the signature.
    parameters = [inspect.Parameter(f"p{at}", inspect.Parameter.POSITIONAL_ONLY) for at in range(n_parameters)]
    stand_in.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return stand_in

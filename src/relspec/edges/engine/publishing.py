"""Publishing, as any engine does it when it is asked, and as all that the process does which alone publishes.

That one loads no SQLGlot, which is a third of what an engine holds.
"""

import duckdb

from relspec.edges.engine.protocol import Answer, AskPrepare, AskPublish, Fault, GavePublished, Prepared, Question
from relspec.edges.engine.publish import Publisher, PublishError


class Publishing:
    """Answers for one file of views."""

    def __init__(self) -> None:
        self._publisher = Publisher()

    def answer(self, question: Question) -> Answer:
        """Prepare or publish."""
        try:
            match question:
                case AskPrepare(request=request):
                    self._publisher.prepare(request)
                    return Prepared()
                case AskPublish(request=request):
                    return GavePublished(self._publisher.publish(request))
        except PublishError as error:
            return Fault(str(error), memory=False)
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            return Fault(str(error), memory=True)
        return Fault(f"who publishes is asked {type(question).__name__}", memory=False)

    def rest(self) -> None:
        """Do nothing: nothing is put off, and nothing piles up."""

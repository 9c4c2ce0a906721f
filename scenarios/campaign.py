"""The order in which a run goes through its endpoints and arms."""

from typing import Annotated

from pydantic import Field

from scenarios.quantities import Count
from scenarios.strict import Strict


class Campaign(Strict):
    """Endpoints and arms are loaded one after the other."""

    rounds: Annotated[Count, Field(le=100)] = 1
    """Times that all are gone through, each time for an equal part of `steady`: a drift then touches all alike."""

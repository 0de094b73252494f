"""An installation that lacks what it needs."""

import no_such_library  # noqa: F401

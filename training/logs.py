"""What a training program says while it runs: our own progress, and only warnings of others."""

import logging


def start_logging() -> None:
    """Show the project's messages from INFO on and everybody else's from WARNING on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("aqwal").setLevel(logging.INFO)

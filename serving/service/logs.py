"""Logs as JSON, one line each, on standard error."""

import logging.config


def configure_logs() -> None:
    """Write what is logged in this process as JSON lines with time, level, logger, message and what belongs to it."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "%(levelname)s %(name)s %(message)s",
                    "rename_fields": {"levelname": "level", "name": "logger"},
                    "timestamp": "time",
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            # Its start and end are told by the command.
            "loggers": {"uvicorn": {"level": "WARNING"}},
            "root": {"level": "INFO", "handlers": ["stderr"]},
        }
    )

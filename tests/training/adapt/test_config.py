"""The configuration of an adaptation: its file loads, what is wrong is named."""

import pytest

from aqwal.training.adapt.config import DEFAULT_CONFIG, AdaptConfig
from aqwal.training.adapt.run import main
from aqwal.training.config import parse_config


def test_wrong_values_are_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(["--masked_share", "1.5"])
    assert stopped.value.code != 0
    assert "masked_share" in capsys.readouterr().err


def test_the_config_file_loads_and_every_field_is_described():
    config = parse_config([], DEFAULT_CONFIG, AdaptConfig)
    assert (config.base, config.mixed_precision) == ("offline", "bf16")
    assert not [name for name, field in AdaptConfig.model_fields.items() if not field.description]

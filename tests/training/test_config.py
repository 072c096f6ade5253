"""The configuration: every file in configs/ loads, everything wrong is named."""

from pathlib import Path

import pytest

from aqwal.training.accuracy.stages import AccuracyConfig
from aqwal.training.config import DEFAULT_CONFIG, PROJECT_ROOT, TrainConfig, parse_config
from aqwal.training.crossval import CrossValidationConfig
from aqwal.training.sweep import SweepConfig

# Of other kinds: adapt/test_config.py and test_accuracy.py load them.
OTHERS = ("accuracy", "adapt")
RUN_CONFIGS = sorted(path for path in (PROJECT_ROOT / "configs").glob("*.yaml") if path.stem not in OTHERS)


@pytest.mark.parametrize("path", RUN_CONFIGS, ids=lambda path: path.stem)
def test_every_config_file_loads(path: Path):
    kind = CrossValidationConfig if path.stem.startswith("crossval") else TrainConfig
    config = parse_config(["--config", str(path)], DEFAULT_CONFIG, kind)
    assert config.epochs >= 1
    # What lies in data/ is fetched from its publishers.
    own = [pattern for pattern in config.documents if not pattern.startswith("data/")]
    assert all(list(PROJECT_ROOT.glob(pattern)) for pattern in own)


def test_arabert_is_the_default():
    config = parse_config([], DEFAULT_CONFIG, TrainConfig)
    assert config.base == "aubmindlab/bert-base-arabertv02"
    assert config.mixed_precision == "bf16"


def test_command_line_overrides_the_file():
    config = parse_config(
        ["--config", "configs/quickstart.yaml", "--epochs", "3", "--tags=bio", "--encoder_rate", "1e-5"],
        DEFAULT_CONFIG,
        TrainConfig,
    )
    assert (config.epochs, config.tags, config.encoder_rate) == (3, "bio", 1e-5)
    assert config.base == "offline"


def test_a_config_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    config = parse_config(["--config", "configs/quickstart.yaml"], DEFAULT_CONFIG, TrainConfig)
    assert config.path("runs/x") == PROJECT_ROOT / "runs" / "x"
    assert config.path("/elsewhere") == Path("/elsewhere")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epoch", "3"], "--epoch"),
        (["--epochs", "0"], "greater than or equal to 1"),
        (["--epochs", "many"], "epochs"),
        (["--tags", "bilou"], "bilou"),
        (["--overlap", "400"], "overlap 400 must be less than half of max_length"),
        (["--labels", "[QUOTE,QUOTE]"], "each different"),
        (["--max_length", "16"], "greater than or equal to"),
    ],
)
def test_wrong_values_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        parse_config(["--config", "configs/quickstart.yaml", *arguments], DEFAULT_CONFIG, TrainConfig)
    assert stopped.value.code != 0
    assert message in capsys.readouterr().err


def test_an_unknown_key_in_the_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "typo.yaml"
    path.write_text((PROJECT_ROOT / "configs/quickstart.yaml").read_text().replace("epochs:", "epocs:"))
    with pytest.raises(SystemExit):
        parse_config(["--config", str(path)], DEFAULT_CONFIG, TrainConfig)
    assert "epocs" in capsys.readouterr().err


def test_a_missing_file_is_an_error(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse_config(["--config", "configs/nowhere.yaml"], DEFAULT_CONFIG, TrainConfig)
    assert "nowhere.yaml" in capsys.readouterr().err


def test_every_field_is_described():
    for kind in (TrainConfig, CrossValidationConfig, SweepConfig, AccuracyConfig):
        undescribed = [name for name, field in kind.model_fields.items() if not field.description]
        assert not undescribed

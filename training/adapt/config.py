"""The configuration of an adaptation: every field with its unit."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aqwal.serving.encoding import MAX_SUBTOKENS
from aqwal.training.config import PROJECT_ROOT, Count, Rate, Share

DEFAULT_CONFIG = PROJECT_ROOT / "configs" / "adapt.yaml"


class AdaptConfig(BaseModel):
    """All that decides an adaptation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str = Field(
        description="Base encoder: a hub name, a local folder (weights as usual or packed in 4 bits), or `offline`."
    )
    texts: list[str] = Field(
        min_length=1,
        description="UTF-8 text files, plain, .xz or .gz, blank lines between articles; glob patterns allowed.",
    )
    output_dir: str = Field(description="Run folder: adapted base, checkpoints, resolved config, data hashes, metrics.")
    max_length: int = Field(
        512, ge=2 * MAX_SUBTOKENS + 2, description="Length of a window, in sub-tokens with special tokens."
    )
    batch_size: Count = Field(description="Windows in one forward pass of one process.")
    gradient_accumulation_steps: Count = Field(1, description="Forward passes of a process in one optimizer step.")
    steps: Count = Field(description="Optimizer steps of the whole run.")
    rate: Rate = Field(description="Highest learning rate.")
    warmup: Share = Field(
        0.1, description="Share of the optimizer steps in which the rate rises; then it falls linearly."
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay; none on biases and norms.")
    max_gradient_norm: float = Field(1.0, gt=0, description="Norm to which gradients are clipped.")
    masked_share: float = Field(0.15, gt=0, lt=1, description="Share of a window's sub-tokens to guess: .15 to .3.")
    mixed_precision: Literal["no", "bf16", "fp16"] = Field("no", description="Number format of the forward pass.")
    dropout: Share | None = Field(None, description="Dropout of hidden units; the base's own if null.")
    text_cache: str = Field(
        "runs/text",
        description="Folder in which the text is kept as sub-tokens, under the hash of all that decides them.",
    )
    held_out: Share = Field(0.01, description="Share of the articles that only the held-out loss sees.")
    held_out_windows: Count = Field(500, description="Windows of held-out text that are scored, the first ones.")
    save_every: Count = Field(description="Optimizer steps between two checkpoints, each with its held-out loss.")
    log_every: Count = Field(50, description="Optimizer steps between two entries of the log.")
    resume: Literal["never", "auto"] = Field(
        "never", description="`auto` goes on from the last checkpoint in the run folder, if there is one."
    )
    seed: int = Field(13, ge=0, description="Random seed of a new head, order, masks and dropout.")

    def is_checkpoint(self, step: int) -> bool:
        """Say whether the run is saved and scored after a step."""
        return step > 0 and (step % self.save_every == 0 or step == self.steps)

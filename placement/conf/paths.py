"""Options of [DEFAULT] that name directories."""

import pathlib

from oslo_config import cfg

_NO_EFFECT = (
    "Accepted for compatibility with existing configurations. It has no effect itself, "
    "but other options can refer to it as $"
)

OPTIONS = [
    cfg.StrOpt("tempdir", help=f"Path. {_NO_EFFECT}tempdir."),
    cfg.StrOpt(
        "pybasedir",
        default=str(pathlib.Path(__file__).parents[2]),
        sample_default="<Path>",
        help=f"Path of the directory that contains the Python package. "
        f"{_NO_EFFECT}pybasedir.",
    ),
    cfg.StrOpt(
        "state_path", default="$pybasedir", help=f"Path. {_NO_EFFECT}state_path."
    ),
]

"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None, typer.Option("--home", metavar="FOLDER", help="The store to work on; else that of LENS_HOME.")
]
Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Work on a running server, not on LENS_HOME.")
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="LENS_API_KEY",
        show_envvar=True,
        metavar="KEY",
        help="The server's key, if it asks for one.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document, for programs.")]

ModelId = Annotated[str | None, typer.Option("--id", help="The model's id; else made of the file's name.")]
DisplayName = Annotated[str | None, typer.Option("--name", help="A name for people; else the id.")]
VersionName = Annotated[str | None, typer.Option("--version", help="The version; else the next of v1, v2, ...")]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", exists=True, dir_okay=False, help="Its labels: a JSON list or map, or one a line."),
]
Preprocessing = Annotated[
    str | None,
    typer.Option("--preprocessing", help="A preset (imagenet, tf, ...), a JSON object, or a file that holds one."),
]
Threshold = Annotated[
    float, typer.Option("--threshold", min=0, max=1, help='Confidence below which an answer is "unknown".')
]
Activate = Annotated[bool, typer.Option("--activate", help="Make it live, too; an id's first version always is.")]
Default = Annotated[bool, typer.Option("--default", help="Make it live, and its id what answers by default.")]

"""Backup and restore, upgrade and rollback: the commands of docs/deploy.md, typed as they stand there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.pictures import RED, picture
from tests.ship.docker import docker, wait_until
from tests.ship.documented import documented, replaced
from tests.ship.project import Project, compose_project

pytestmark = pytest.mark.timeout(900)

NEXT = "lens:ship-test-next"
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "r9999"
down_revision = {newest!r}


def upgrade():
    op.create_table("tomorrow", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def project(image: str, compose: None, root: Path, tmp_path: Path) -> Iterator[Project]:
    """Lens alone, with a model that somebody uploaded."""
    settings = {"LENS_WORKERS": "1"}
    with compose_project(root, tmp_path, "lens-upkeep", image, settings, "up --detach --wait lens") as running:
        running.upload("v1")
        yield running


@pytest.fixture(scope="module")
def next_image(image: str, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Lens of tomorrow, which has one table more."""
    folder = tmp_path_factory.mktemp("next")
    versions = "serving/registry/migrations/versions"
    newest = max(path.stem.partition("_")[0] for path in (root / versions).glob("r*.py"))
    (folder / "r9999_tomorrow.py").write_text(MIGRATION.format(newest=newest))
    (folder / "Dockerfile").write_text(f"FROM {image}\nCOPY r9999_tomorrow.py /opt/lens/bento/src/{versions}/\n")
    docker("build", "--tag", NEXT, str(folder))
    yield NEXT
    docker("rmi", NEXT, check=False)


def label(project: Project) -> str:
    answer = requests.post(f"{project.lens}/predict", files={"file": ("a.png", picture(RED))}, timeout=30)
    return str(answer.json().get("predicted_label"))


def test_a_backup_brings_back_what_was_there(project: Project, root: Path) -> None:
    back_up, bring_back = documented(root, "Backup and restore")
    project.shell(back_up)
    project.upload("v2", bias=(0.0, 0.0, 100.0))
    assert (project.versions("colors"), label(project)) == (["v1", "v2"], "blue")
    project.shell(bring_back)
    assert (project.versions("colors"), label(project)) == (["v1"], "red")


def test_a_backup_comes_back_into_an_empty_volume(project: Project, root: Path) -> None:
    back_up, bring_back = documented(root, "Backup and restore")
    project.shell(back_up)
    project.shell("docker compose down --volumes")
    project.shell(bring_back)
    assert (project.versions("colors"), label(project)) == (["v1"], "red")
    assert " 0 damaged" in project.shell("docker compose exec lens model-store verify_store")


def test_an_upgrade_keeps_the_models_and_a_rollback_brings_the_old_lens_back(
    project: Project, next_image: str, root: Path
) -> None:
    upgrade, roll_back = documented(root, "Upgrade and roll back")
    upgrade = replaced(upgrade, {"lens:0.2.0": next_image})
    project.shell(upgrade)
    assert next_image in project.shell("docker compose ps lens")
    assert (project.versions("colors"), label(project)) == (["v1"], "red")
    project.shell("docker compose up --detach lens")  # the old image, as .env names it
    refusal = "written by a newer version of Lens"
    wait_until(lambda: refusal in project.shell("docker compose logs lens"), 60, "the old Lens refuses")
    project.shell(roll_back)
    assert (project.versions("colors"), label(project)) == (["v1"], "red")

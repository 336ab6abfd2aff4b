"""What the lineage says of an asset besides its figures: whose it is, what it writes, its runbook and its source."""

import warnings
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import dagster as dg

OUR_TEAM = ["team:booking-tests"]
APPLICATION_TEAM = ["team:booking-application"]
_RUNBOOKS = "docs/operations.md"


class Writes(StrEnum):
    """What materializing an asset writes; the tag `prodtest/writes` in the lineage, which can be searched by it."""

    NOTHING = "nothing"
    OWN_SCHEMA = "own-schema"
    TEST_CALLS = "test-calls"
    TEST_ROWS = "test-rows"

    @property
    def tags(self) -> dict[str, str]:
        """As an asset takes it."""
        return {"prodtest/writes": self.value}


def runbook(section: str) -> dg.PathMetadataValue:
    """Where a person reads on.

    Args:
        section: the anchor of a heading in `docs/operations.md`.
    """
    return dg.MetadataValue.path(f"{_RUNBOOKS}#{section}")


def with_sources(assets: Sequence[Any], specs_in: str) -> list[Any]:
    """`assets` with the file and the line where each of ours is defined.

    Args:
        assets: ours, and specs of those that are not.
        specs_in: the file in which the specs stand.

    Link them to a repository with Dagster's `link_code_references_to_git`, where there is one.
    """
    with warnings.catch_warnings():
        # Dagster calls code references a beta. They only decorate, and that is no news to whoever loads this.
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=specs_in, label=Path(specs_in).name)
        described = dg.CodeReferencesMetadataValue(code_references=[reference])
        return [
            asset.merge_attributes(metadata={"dagster/code_references": described})
            if isinstance(asset, dg.AssetSpec)
            else asset
            for asset in dg.with_source_code_references(assets)
        ]


def table(
    name: str,
    columns: Sequence[dg.TableColumn],
    sources: Mapping[str, Sequence[tuple[dg.AssetKey, str]]] | None = None,
) -> dict[str, Any]:
    """Metadata of an asset that is a table, or is kept in one.

    Args:
        name: with its schema, as PostgreSQL knows it.
        columns: those that a reader needs to know.
        sources: per column, asset and column its values come from.
    """
    metadata: dict[str, Any] = {
        "dagster/table_name": name,
        "dagster/column_schema": dg.TableSchema(columns=list(columns)),
    }
    if sources:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=asset, column_name=source) for asset, source in found]
                for column, found in sources.items()
            }
        )
    return metadata


def column(name: str, type_: str, description: str, *constraints: str) -> dg.TableColumn:
    """One column.

    Args:
        type_: as PostgreSQL names it.
        constraints: `unique`, `not null`, or a sentence about what else holds.
    """
    others = [constraint for constraint in constraints if constraint not in ("unique", "not null")]
    return dg.TableColumn(
        name,
        type_,
        description=description,
        constraints=dg.TableColumnConstraints(
            nullable="not null" not in constraints, unique="unique" in constraints, other=others
        ),
    )

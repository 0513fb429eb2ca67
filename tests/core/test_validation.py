"""Edges are ready only against known schemas, and a failed edge says all that is wrong with it."""

from relspec.core.plan import Requirement
from relspec.core.schema import Column, Schema
from relspec.core.validation import failed_edges

NEED = Requirement("Orders", (Column("id", "BIGINT"), Column("amount", "DOUBLE")), (("unit", "cents"),))


def check(schema: Schema | None) -> list[str]:
    schemas = {} if schema is None else {"orders": schema}
    return [failure.sentence() for failure in failed_edges("totals", (NEED,), schemas)]


def test_an_edge_that_offers_more_than_is_required_is_ready() -> None:
    columns = (Column("AMOUNT", "DOUBLE"), Column("id", "BIGINT"), Column("extra", "VARCHAR"))
    assert check(Schema(columns, (("unit", "cents"), ("by", "me")))) == []


def test_an_unknown_schema_satisfies_nothing() -> None:
    assert check(None) == ["Orders has no known schema, so totals cannot be ready"]


def test_a_failed_edge_names_missing_columns_wrong_types_missing_metadata_and_what_is_there() -> None:
    (sentence,) = check(Schema((Column("amount", "VARCHAR"),), ()))
    assert sentence == (
        "Orders does not offer what totals requires: column 'id' is missing; column 'amount' is VARCHAR, "
        "totals requires DOUBLE; metadata 'unit' is missing or has another value (there is: amount VARCHAR)"
    )


def test_metadata_of_another_value_fails() -> None:
    (failure,) = failed_edges("totals", (NEED,), {"orders": Schema(NEED.columns, (("unit", "euros"),))})
    assert failure.missing_metadata == ("unit",)


def test_the_number_of_rows_is_required_of_a_known_dataset_only() -> None:
    need = Requirement("orders", ())
    assert failed_edges("n", (need,), {"orders": Schema(())}) == ()
    assert len(failed_edges("n", (need,), {})) == 1

"""Names for things, the same on every machine and in every engine: a prefix and 16 digits of an md5 of the parts."""

from ibis.expr.types import StringValue


def node_id(prefix: str, first: StringValue, *more: StringValue) -> StringValue:
    """Name what `first` and the parts that follow identify together. The SQL tasks spell out the same."""
    parts = first
    for part in more:
        parts = parts + "|" + part
    return prefix + ":" + parts.hexdigest("md5").left(16)

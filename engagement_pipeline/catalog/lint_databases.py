"""Rules about sources that read databases. Not here: the shape of `database` itself (`specs.databases`)."""

from collections.abc import Iterator

from sqlglot import TokenType
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Tokenizer

from engagement_pipeline.catalog.draft import Draft
from engagement_pipeline.catalog.issues import Issue

READS = (TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.L_PAREN)


def queries_are_one_select(draft: Draft) -> Iterator[Issue]:
    """A query is a single statement that reads: it runs inside of another."""
    for source in draft.sources:
        rows = source.spec.database if source.spec else None
        if rows is None or rows.query is None:
            continue
        try:
            kinds = [token.token_type for token in Tokenizer().tokenize(rows.query.strip().rstrip(";"))]
        except SqlglotError:
            continue  # a dialect's own quoting; the database itself will say what is wrong, if anything is
        if not kinds or kinds[0] not in READS:
            yield source.issue("query: must be one SELECT (or WITH … SELECT)", "database", "query")
        elif TokenType.SEMICOLON in kinds:
            yield source.issue("query: must be one statement, without semicolons", "database", "query")


RULES = (queries_are_one_select,)

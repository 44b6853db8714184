"""Tables that only grow: the database itself refuses to change or remove a row, whoever asks."""

from sqlalchemy import DDL, Table, event

# OR REPLACE would remove a row without asking the DELETE trigger.
_SQLITE = (
    """CREATE TRIGGER %(table)s_is_not_changed BEFORE UPDATE ON %(table)s
    BEGIN SELECT RAISE(ABORT, '%(table)s only grows'); END""",
    """CREATE TRIGGER %(table)s_is_not_removed BEFORE DELETE ON %(table)s
    BEGIN SELECT RAISE(ABORT, '%(table)s only grows'); END""",
    """CREATE TRIGGER %(table)s_is_not_replaced BEFORE INSERT ON %(table)s
    WHEN EXISTS (SELECT 1 FROM %(table)s WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, '%(table)s only grows'); END""",
)
_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION %(table)s_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%(table)s only grows'; END $$""",
    """CREATE TRIGGER %(table)s_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON %(table)s
    FOR EACH STATEMENT EXECUTE FUNCTION %(table)s_only_grows()""",
)


def only_grows(table: Table) -> None:
    """Let `create_all` make the triggers with the table; a migration that makes or copies the table writes them out itself."""
    for dialect, statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
        for statement in statements:
            ddl = DDL(statement).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl)

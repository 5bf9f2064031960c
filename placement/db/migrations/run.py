"""Run migrations; the env.py of both chains calls this."""

from alembic import context


def run() -> None:
    """Run the migrations on the connection that the caller has opened.

    The caller commits. SQLite can roll back DDL, although Alembic's default says
    otherwise.
    """
    attributes = context.config.attributes
    conn = attributes["connection"]
    context.configure(
        connection=conn,
        version_table=attributes["version_table"],
        transactional_ddl=conn.dialect.name in ("sqlite", "postgresql"),
        render_as_batch=conn.dialect.name == "sqlite",
    )
    context.run_migrations()

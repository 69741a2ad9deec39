import psycopg
import pytest


def test_each_database_is_new_and_a_copy_of_its_template(postgres):
    first = postgres.create_database()
    with postgres.connect(first) as connection:
        connection.execute("CREATE TABLE fruit AS SELECT 'pear' AS name")
    copy = postgres.create_database(template=first)
    with postgres.connect(copy) as connection:
        assert connection.execute("SELECT name FROM fruit").fetchall() == [("pear",)]
    with postgres.connect(postgres.create_database()) as connection:
        assert connection.execute("SELECT to_regclass('fruit')").fetchone() == (None,)


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_what_was_committed_outlives_an_outage(own_postgres, how):
    with own_postgres.connect() as connection:
        connection.execute("CREATE TABLE fruit AS SELECT 'pear' AS name")
        if how == "kill":
            own_postgres.kill()
        else:
            own_postgres.stop(how)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        own_postgres.connect()
    own_postgres.start()
    with own_postgres.connect() as connection:
        assert connection.execute("SELECT name FROM fruit").fetchall() == [("pear",)]

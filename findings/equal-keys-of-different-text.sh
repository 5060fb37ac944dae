#!/usr/bin/env bash
# A key of PostgreSQL as the _id, or a keyword, of Elasticsearch: equal there, different here.
#
# Guess: of the types that make a key, only citext and char(n) have equal values of different text.
# Seen on PostgreSQL 15.14: numeric, numrange, jsonb, interval, float8 and isbn have them too, so a valid foreign key may have another text than the key
# that it refers to, and a join by text in another system misses it. Circles are equal by their area, wherever they are: a
# SELECT DISTINCT would drop one. Elasticsearch 8.19.7 has one document for each spelling.
# So: take the text of a key from one side only, the table that it belongs to.
source "$(dirname "$0")/lib.sh"
postgres 15
elasticsearch 8.19.7
psql -q <<'SQL'
CREATE EXTENSION citext; CREATE EXTENSION isn;
CREATE FUNCTION refers(type text, key text, other text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('CREATE TEMP TABLE parent (k %1$s PRIMARY KEY); CREATE TEMP TABLE child (k %2$s REFERENCES parent)', split_part(type, '/', 1), split_part(type || '/' || type, '/', 2));
	EXECUTE format('INSERT INTO parent VALUES (%L); INSERT INTO child VALUES (%L)', key, other);
	SELECT p.k::text || ' ' || c.k::text INTO found FROM parent p JOIN child c ON c.k = p.k;
	DROP TABLE child, parent;
	RETURN found;
END $$;
SQL
key() { sql "SELECT refers('$1', '$2', '$3')"; }
see numeric '1.0 1.000' "$(key numeric 1.0 1.000)"
see numrange '[1,2) [1.0,2.0)' "$(key numrange '[1,2)' '[1.0,2.0)')"
see jsonb '{"a": 1} {"a": 1.0}' "$(key jsonb '{"a": 1}' '{"a": 1.0}')"
see interval '1 mon 30 days' "$(key interval '1 mon' '30 days')"
see float8 '0 -0' "$(key float8 0 -0)"
see 'isbn13, and isbn' '978-0-306-40615-7 0-306-40615-2' "$(key 'isbn13/isbn' 978-0-306-40615-7 0-306-40615-2)"
see 'circles of one area' t "$(sql "SELECT circle '<(0,0),1>' = circle '<(5,5),1>'")"

index '{"type": "keyword"}'
put 1.0 '"parent"' >/dev/null
see 'Elasticsearch: the other text is another document' created "$(put 1.000 '"child"')"

-- The owner of a programme, for persons.sql.
SELECT id AS "programmeId", owner AS "currentOwner"
FROM programme

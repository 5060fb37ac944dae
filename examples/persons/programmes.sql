-- What a membership shows of its programme, for programme_memberships.sql.
SELECT id AS "programmeId", name AS "programmeName", number AS "programmeNumber"
FROM programme

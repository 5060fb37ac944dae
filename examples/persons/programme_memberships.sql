-- One row per membership; "personId" says whose, and is not part of the object. Both days of a membership count.
--
-- Name and number of the programme come from programmes.sql, which reindex reads once and finds by "programmeId".
SELECT
    m.person_id AS "personId",
    m.id,
    m.programme_id AS "programmeId",
    CASE WHEN m.start_date > current_date THEN 'FUTURE' WHEN m.end_date < current_date THEN 'PAST' ELSE 'CURRENT' END
        AS "programmeMembershipStatus",
    m.training_number AS "trainingNumber"
FROM programme_membership m

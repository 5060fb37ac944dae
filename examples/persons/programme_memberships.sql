-- One row per membership; "personId" says whose, and is not part of the object. Both days of a membership count.
--
-- The condition on "personId" reaches programme_membership, the table it comes from. Programmes are few, so
-- reading them again for every range costs little.
SELECT
    m.person_id AS "personId",
    m.id,
    m.programme_id AS "programmeId",
    pr.name AS "programmeName",
    pr.number AS "programmeNumber",
    CASE WHEN m.start_date > current_date THEN 'FUTURE' WHEN m.end_date < current_date THEN 'PAST' ELSE 'CURRENT' END
        AS "programmeMembershipStatus",
    m.training_number AS "trainingNumber"
FROM programme_membership m
JOIN programme pr ON pr.id = m.programme_id

-- The whole document of every person as jsonb, in one statement: what persons.sql, programme_memberships.sql and
-- trusts.sql must add up to. It is written for checking, in another way than they are: it ranks and aggregates whole
-- tables instead of looking things up, and shares no expression with them that could share a mistake.
-- Lists are sorted here (by id, by trustId); compare them as sets, or sort the others. rev is the document's version and
-- no field of it.
WITH today (day) AS (SELECT current_date),
ranked_placement AS (
    SELECT f.*, day BETWEEN date_from AND date_to AS is_current,
        row_number() OVER (PARTITION BY person_id, day BETWEEN date_from AND date_to
                           ORDER BY date_to DESC, date_from DESC, f.id DESC) AS place
    FROM placement f CROSS JOIN today
),
current_placement AS (SELECT * FROM ranked_placement WHERE is_current AND place = 1),
other_placement AS (SELECT * FROM ranked_placement WHERE NOT is_current AND place = 1),
primary_specialty AS (
    SELECT placement_id, min(specialty_id) AS specialty_id FROM placement_specialty WHERE type = 'PRIMARY' GROUP BY placement_id
),
membership AS (
    SELECT m.*, pr.name, pr.number, pr.owner,
        CASE WHEN daterange(start_date, end_date, '[]') @> day THEN 'CURRENT'
             WHEN daterange(start_date, end_date, '[]') >> daterange(day, day, '[]') THEN 'FUTURE' ELSE 'PAST' END AS state
    FROM programme_membership m JOIN programme pr ON pr.id = m.programme_id CROSS JOIN today
),
memberships AS (
    SELECT person_id,
        jsonb_agg(jsonb_build_object('id', id, 'programmeId', programme_id, 'programmeName', name, 'programmeNumber', number,
            'programmeMembershipStatus', state, 'trainingNumber', training_number) ORDER BY id) AS list,
        (array_agg(owner ORDER BY array_position(ARRAY['CURRENT', 'FUTURE', 'PAST'], state), start_date DESC, id DESC))[1] AS owner
    FROM membership GROUP BY person_id
),
person_trust AS (
    SELECT person_id, employing_trust_id AS id FROM placement f JOIN post ON post.id = post_id
    UNION
    SELECT person_id, training_trust_id FROM placement f JOIN post ON post.id = post_id
),
trusts AS (
    SELECT person_id, jsonb_agg(jsonb_build_object('trustId', id) ORDER BY id) AS list
    FROM person_trust WHERE id IS NOT NULL GROUP BY person_id
)
SELECT p.id, jsonb_build_object(
    'personId', p.id,
    'surname', c.surname,
    'forenames', c.forenames,
    'fullName', coalesce(c.forenames || ' ' || c.surname, c.forenames, c.surname, ''),
    'gmcNumber', gmc.gmc_number,
    'gdcNumber', gdc.gdc_number,
    'publicHealthNumber', p.public_health_number,
    'role', p.role,
    'status', p.status,
    'placementType', cp.type,
    'specialty', sp.name,
    'gradeAbbreviation', g.abbreviation,
    'gradeId', cp.grade_id,
    'siteCode', s.code,
    'siteId', cp.site_id,
    'currentOwner', coalesce(m.owner, CASE WHEN cp.id IS NULL THEN other_post.owner ELSE current_post.owner END),
    'programmeMemberships', coalesce(m.list, '[]'),
    'trusts', coalesce(t.list, '[]')
) AS doc, p.rev
FROM person p
JOIN contact_details c ON c.person_id = p.id
LEFT JOIN gmc_details gmc ON gmc.person_id = p.id
LEFT JOIN gdc_details gdc ON gdc.person_id = p.id
LEFT JOIN current_placement cp ON cp.person_id = p.id
LEFT JOIN post current_post ON current_post.id = cp.post_id
LEFT JOIN other_placement op ON op.person_id = p.id
LEFT JOIN post other_post ON other_post.id = op.post_id
LEFT JOIN primary_specialty ps ON ps.placement_id = cp.id
LEFT JOIN specialty sp ON sp.id = ps.specialty_id
LEFT JOIN grade g ON g.id = cp.grade_id
LEFT JOIN site s ON s.id = cp.site_id
LEFT JOIN memberships m ON m.person_id = p.id
LEFT JOIN trusts t ON t.person_id = p.id

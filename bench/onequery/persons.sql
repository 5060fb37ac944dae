SELECT d."personId", to_jsonb(d) AS document
FROM (
    SELECT p.id AS "personId", c.surname, c.forenames, concat_ws(' ', c.forenames, c.surname) AS "fullName",
        gmc.gmc_number AS "gmcNumber", gdc.gdc_number AS "gdcNumber", p.public_health_number AS "publicHealthNumber",
        p.role, p.status, pl.type AS "placementType", sp.name AS specialty, g.abbreviation AS "gradeAbbreviation",
        pl.grade_id AS "gradeId", s.code AS "siteCode", pl.site_id AS "siteId",
        coalesce(owner.owner, po.owner) AS "currentOwner",
        (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', m.id, 'programmeId', m.programme_id, 'programmeName', pr.name, 'programmeNumber', pr.number,
                'programmeMembershipStatus', CASE WHEN m.start_date > current_date THEN 'FUTURE'
                    WHEN m.end_date < current_date THEN 'PAST' ELSE 'CURRENT' END,
                'trainingNumber', m.training_number) ORDER BY m.id), '[]')
         FROM programme_membership m JOIN programme pr ON pr.id = m.programme_id
         WHERE m.person_id = p.id) AS "programmeMemberships",
        (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('trustId', t.id)), '[]')
         FROM placement f JOIN post ON post.id = f.post_id
         CROSS JOIN LATERAL (VALUES (post.employing_trust_id), (post.training_trust_id)) t (id)
         WHERE f.person_id = p.id AND t.id IS NOT NULL) AS trusts
    FROM person p
    JOIN contact_details c ON c.person_id = p.id
    LEFT JOIN gmc_details gmc ON gmc.person_id = p.id
    LEFT JOIN gdc_details gdc ON gdc.person_id = p.id
    LEFT JOIN LATERAL (
        SELECT f.* FROM placement f
        WHERE f.person_id = p.id AND current_date BETWEEN f.date_from AND f.date_to
        ORDER BY f.date_to DESC, f.date_from DESC, f.id DESC LIMIT 1
    ) pl ON true
    LEFT JOIN LATERAL (
        SELECT f.post_id FROM placement f WHERE f.person_id = p.id
        ORDER BY f.date_to DESC, f.date_from DESC, f.id DESC LIMIT 1
    ) latest ON true
    LEFT JOIN post po ON po.id = coalesce(pl.post_id, latest.post_id)
    LEFT JOIN grade g ON g.id = pl.grade_id
    LEFT JOIN site s ON s.id = pl.site_id
    LEFT JOIN LATERAL (
        SELECT specialty_id FROM placement_specialty
        WHERE placement_id = pl.id AND type = 'PRIMARY' ORDER BY specialty_id LIMIT 1
    ) ps ON true
    LEFT JOIN specialty sp ON sp.id = ps.specialty_id
    LEFT JOIN LATERAL (
        SELECT pr.owner FROM programme_membership m JOIN programme pr ON pr.id = m.programme_id
        WHERE m.person_id = p.id
        ORDER BY CASE WHEN m.start_date > current_date THEN 1 WHEN m.end_date < current_date THEN 2 ELSE 0 END,
            m.start_date DESC, m.id DESC LIMIT 1
    ) owner ON true
) d

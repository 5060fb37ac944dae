SELECT
    p.id AS "personId",
    c.surname,
    c.forenames,
    concat_ws(' ', c.forenames, c.surname) AS "fullName",
    (SELECT gmc_number FROM gmc_details WHERE person_id = p.id) AS "gmcNumber",
    (SELECT gdc_number FROM gdc_details WHERE person_id = p.id) AS "gdcNumber",
    p.public_health_number AS "publicHealthNumber",
    p.role,
    p.status,
    pl.type AS "placementType",
    (SELECT s.name FROM placement_specialty ps JOIN specialty s ON s.id = ps.specialty_id
     WHERE ps.placement_id = pl.id AND ps.type = 'PRIMARY' ORDER BY ps.specialty_id LIMIT 1) AS specialty,
    (SELECT abbreviation FROM grade WHERE id = pl.grade_id) AS "gradeAbbreviation",
    pl.grade_id AS "gradeId",
    (SELECT code FROM site WHERE id = pl.site_id) AS "siteCode",
    pl.site_id AS "siteId",
    coalesce(
        (SELECT pr.owner FROM programme_membership m JOIN programme pr ON pr.id = m.programme_id
         WHERE m.person_id = p.id
         ORDER BY m.start_date <= current_date AND coalesce(m.end_date >= current_date, true) DESC,
                  m.start_date > current_date DESC, m.start_date DESC, m.id DESC LIMIT 1),
        (SELECT po.owner FROM placement f JOIN post po ON po.id = f.post_id
         WHERE f.person_id = p.id ORDER BY f.date_to DESC, f.date_from DESC, f.id DESC LIMIT 1)
    ) AS "currentOwner",
    p.rev
FROM person p
JOIN LATERAL (SELECT surname, forenames FROM contact_details WHERE person_id = p.id OFFSET 0) c ON true
LEFT JOIN LATERAL (
    SELECT id, type, grade_id, site_id FROM placement
    WHERE person_id = p.id AND date_to >= current_date AND date_from <= current_date
    ORDER BY date_from DESC, id DESC LIMIT 1
) pl ON true

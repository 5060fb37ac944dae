-- One row per person with contact details: the fields of the document that have one value each.
--
-- reindex reads this query for one range of ids after another, by a condition on "personId" around it. PostgreSQL
-- carries that condition to the table the column comes from, person, and to no other, although f.person_id = p.id. The
-- comments /*range ...*/ name the other columns that are the id: there reindex adds the range too, and each range is a
-- few short scans side by side instead of ten index lookups for every person, at half the work. Without reindex they
-- are comments: the whole query gives the same rows.
SELECT
    p.id AS "personId",
    c.surname,
    c.forenames,
    concat_ws(' ', c.forenames, c.surname) AS "fullName",
    gmc.gmc_number AS "gmcNumber",
    gdc.gdc_number AS "gdcNumber",
    p.public_health_number AS "publicHealthNumber",
    p.role,
    p.status,
    pl.type AS "placementType",
    sp.name AS specialty,
    g.abbreviation AS "gradeAbbreviation",
    pl.grade_id AS "gradeId",
    s.code AS "siteCode",
    pl.site_id AS "siteId",
    -- Keys, and no fields of the document: the owner is that of the programme, else of the current post, else of the
    -- post that ends last. Owners come from programme_owners.sql and post_owners.sql (`lookups` in reindex.yaml): joined
    -- here, PostgreSQL would read all programmes again for every range and look up a post for every sixth person. The
    -- placement that ends last is looked for only where no owner of a programme goes before it.
    m.programme_id AS "programmeId",
    CASE WHEN m.programme_id IS NULL OR EXISTS (SELECT FROM programme WHERE id = m.programme_id AND owner IS NULL)
        THEN coalesce(pl.post_id, (
            SELECT post_id FROM placement WHERE person_id = p.id
            ORDER BY date_to DESC, date_from DESC, id DESC LIMIT 1))
    END AS "postId",
    p.rev -- the version, and no field of the document
FROM person p
JOIN contact_details c ON c.person_id = p.id /*range c.person_id*/
LEFT JOIN gmc_details gmc ON gmc.person_id = p.id /*range gmc.person_id*/
LEFT JOIN gdc_details gdc ON gdc.person_id = p.id /*range gdc.person_id*/
-- Two placements can be current, and a placement can have two primary specialties: one of each counts, the same one
-- every time. Few are current, so sorting them costs little, and in this order they are merged with the others.
LEFT JOIN (
    SELECT DISTINCT ON (f.person_id) f.person_id, f.type, f.post_id, f.grade_id, f.site_id,
        (SELECT specialty_id FROM placement_specialty
         WHERE placement_id = f.id AND type = 'PRIMARY' ORDER BY specialty_id LIMIT 1) AS specialty_id
    FROM placement f
    WHERE f.date_to >= current_date AND f.date_from <= current_date /*range f.person_id*/
    ORDER BY f.person_id, f.date_to DESC, f.date_from DESC, f.id DESC
) pl ON pl.person_id = p.id
LEFT JOIN grade g ON g.id = pl.grade_id
LEFT JOIN site s ON s.id = pl.site_id
LEFT JOIN specialty sp ON sp.id = pl.specialty_id
-- Of the memberships a current one counts before a future one and that before a past one, the latest start first.
LEFT JOIN (
    SELECT DISTINCT ON (m.person_id) m.person_id, m.programme_id
    FROM programme_membership m
    WHERE true /*range m.person_id*/
    ORDER BY m.person_id,
        CASE WHEN m.start_date > current_date THEN 1 WHEN m.end_date < current_date THEN 2 ELSE 0 END,
        m.start_date DESC, m.id DESC
) m ON m.person_id = p.id

-- One row per person with contact details: the fields of the document that have one value each.
--
-- reindex reads this query for one range of ids after another, by a condition on "personId" around it. PostgreSQL
-- carries that condition to the table the column comes from, person, and to no other. Hence the shape: everything
-- else is looked up person by person, through an index that begins with person_id. A plain join may be turned into a
-- hash join, which reads the whole other table again for every range; LATERAL with OFFSET 0 or LIMIT 1, and
-- subqueries in the select list, cannot.
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
    pl.specialty,
    pl.grade AS "gradeAbbreviation",
    pl.grade_id AS "gradeId",
    pl.site AS "siteCode",
    pl.site_id AS "siteId",
    -- The owner of a programme: of the current membership, else of a future, else of a past one, the latest start
    -- first. Who has none belongs to the owner of the current post, else of the one that ends last.
    coalesce(
        (SELECT owner FROM programme WHERE id = (
            SELECT programme_id FROM programme_membership WHERE person_id = p.id
            ORDER BY CASE WHEN start_date > current_date THEN 1 WHEN end_date < current_date THEN 2 ELSE 0 END,
                     start_date DESC, id DESC LIMIT 1)),
        (SELECT owner FROM post WHERE id = coalesce(pl.post_id, (
            SELECT post_id FROM placement WHERE person_id = p.id
            ORDER BY date_to DESC, date_from DESC, id DESC LIMIT 1)))
    ) AS "currentOwner",
    p.rev -- the version, and no field of the document
FROM person p
JOIN LATERAL (SELECT surname, forenames FROM contact_details WHERE person_id = p.id OFFSET 0) c ON true
-- Two placements can be current, and a placement can have two primary specialties: LIMIT 1 keeps one row per person,
-- ORDER BY makes it the same one every time. The order is that of the index placement_person_dates: no sort.
LEFT JOIN LATERAL (
    SELECT f.type, f.post_id, f.grade_id, f.site_id,
        (SELECT abbreviation FROM grade WHERE id = f.grade_id) AS grade,
        (SELECT code FROM site WHERE id = f.site_id) AS site,
        (SELECT name FROM specialty WHERE id = (
            SELECT specialty_id FROM placement_specialty
            WHERE placement_id = f.id AND type = 'PRIMARY' ORDER BY specialty_id LIMIT 1)) AS specialty
    FROM placement f
    WHERE f.person_id = p.id AND f.date_to >= current_date AND f.date_from <= current_date
    ORDER BY f.date_to DESC, f.date_from DESC, f.id DESC LIMIT 1
) pl ON true

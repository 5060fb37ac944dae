-- Every trust that employed or trained a person in any placement ever: two for each placement, one if they are the same.
--
-- A trust comes once per placement here and once per person in the document: `distinct: true` in reindex.yaml drops
-- repeats in the program, which holds the rows of a person side by side anyway. SELECT DISTINCT gives the same
-- documents for half as much work again on the database server.
SELECT f.person_id AS "personId", t.id AS "trustId"
FROM placement f
JOIN post po ON po.id = f.post_id
CROSS JOIN LATERAL (VALUES
    (po.employing_trust_id),
    (NULLIF(po.training_trust_id, po.employing_trust_id))
) t (id)
WHERE t.id IS NOT NULL

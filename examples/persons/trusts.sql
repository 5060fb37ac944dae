-- Every trust that employed or trained a person in any placement ever: two for each placement, one if they are the same.
--
-- A trust comes once per placement here and once per person in the document: `distinct: true` in reindex.yaml drops
-- repeats in the program, which holds the rows of a person side by side anyway. SELECT DISTINCT gives the same
-- documents for half as much work again on the database server; one join with LATERAL (VALUES (..), (..)) takes a
-- fifth more than two joins.
SELECT f.person_id AS "personId", po.employing_trust_id AS "trustId"
FROM placement f
JOIN post po ON po.id = f.post_id
WHERE po.employing_trust_id IS NOT NULL
UNION ALL
SELECT f.person_id, po.training_trust_id
FROM placement f
JOIN post po ON po.id = f.post_id
WHERE po.training_trust_id IS NOT NULL AND po.training_trust_id IS DISTINCT FROM po.employing_trust_id

-- Every trust that employed or trained a person in any placement ever.
--
-- `unpivot: trustId` in reindex.yaml makes both columns elements of the list, {"trustId": ...}, and leaves NULL out.
-- The same trust comes many times for a person here and once in the document: `distinct: true` drops repeats in the
-- program, which holds the rows of a person side by side anyway. A row for each trust instead (UNION ALL, or LATERAL
-- VALUES) takes the database server half as much time again, and SELECT DISTINCT twice as much.
SELECT f.person_id AS "personId", po.employing_trust_id AS employing, po.training_trust_id AS training
FROM placement f
JOIN post po ON po.id = f.post_id
